// What a reader does with a report, run in it by `report.sh`. The outcome stands in <pre id="verdict">.
(async () => {
  const verdict = document.createElement("pre");
  verdict.id = "verdict";
  const wrong = [];
  const expect = (holds, what) => { if (!holds) wrong.push(what); };
  const get = (id) => document.getElementById("player-" + id);
  const pixels = (canvas) => Array.from(canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data);
  const set = (control, value, event) => { control.value = value; control.dispatchEvent(new Event(event)); };
  const wait = (ms) => new Promise((done) => setTimeout(done, ms));
  try {
    const data = JSON.parse(document.getElementById("player-data").textContent);
    const images = Array.from(document.images);
    await Promise.all(images.map((image) => image.decode().catch(() => wrong.push("a picture does not load"))));
    expect(images.length >= 3 && images.every((image) => image.naturalWidth > 100), "a picture is empty");
    expect(document.title === document.querySelector("h1").textContent, "a picture's script was run");
    expect(get("image").options.length === data.examples.length, "not every image can be chosen");
    expect(get("area").options.length === data.areas.length, "not every area can be chosen");
    expect(get("channel").options.length === data.areas[0].channels.length + 1, "not every channel can be chosen");
    // before the onset nothing is active, later something is
    set(get("area"), "0", "change");
    set(get("time"), "0", "input");
    const before = pixels(get("map"));
    expect(new Set(before.filter((_, i) => i % 4 === 0)).size === 1, "activity before the onset is not flat");
    expect(get("when").textContent.includes("−20 ms"), "the first step is not at −20 ms: " + get("when").textContent);
    set(get("time"), "20", "input");
    const after = pixels(get("map"));
    expect(JSON.stringify(before) !== JSON.stringify(after), "scrubbing changes nothing");
    // the map is the level that is stored, in the colour of viridis at its ends
    const maps = Uint8Array.from(atob(data.examples[0].maps[0]), (c) => c.charCodeAt(0));
    const of = data.areas[0], each = of.width * of.height;
    set(get("channel"), String(of.channels.length), "change");
    const shown = pixels(get("map"));
    const last = maps.slice((20 * of.channels.length + of.channels.length - 1) * each).slice(0, each);
    expect(get("map").width === of.width && get("map").height === of.height, "the map has another size");
    // one colour for each level, greener for a higher one, as in viridis
    const greens = new Map();
    last.forEach((level, i) => greens.set(level, (greens.get(level) || new Set()).add(shown[4 * i + 1])));
    const rising = [...greens.keys()].sort((a, b) => a - b).map((level) => [...greens.get(level)]);
    expect(rising.length > 1 && rising.every((green) => green.length === 1), "a level has several colours, or there is only one level");
    expect(rising.every((green, i) => i === 0 || green[0] > rising[i - 1][0]), "colours do not follow the levels that are stored");
    const picture = JSON.stringify(pixels(get("picture")));
    set(get("image"), "1", "change");
    expect(JSON.stringify(pixels(get("picture"))) !== picture, "another image looks the same");
    // the true class of the second image wins in the end
    set(get("time"), String(data.steps - 1), "input");
    const best = get("logits").querySelector(".first");
    expect(best && best.classList.contains("label") && best.textContent.includes(data.classes[data.examples[1].label]), "the largest logit is not marked");
    // one that is not among the first ten classes is shown as well
    set(get("image"), "2", "change");
    set(get("time"), "0", "input");
    expect(get("logits").children.length === 10 && get("logits").querySelector(".label"), "the true class is not shown");
    set(get("time"), "0", "input");
    get("play").click();
    await wait(700);
    const moved = Number(get("time").value);
    get("play").click();
    await wait(400);
    expect(moved > 0 && Number(get("time").value) - moved <= 1, "play and pause do not work");
    for (const link of document.querySelectorAll("a.download")) expect(link.href.startsWith("data:") && link.download.includes(".csv"), "a link to numbers is broken");
    const zipped = document.querySelector("a[href^='data:application/gzip']");
    const bytes = Uint8Array.from(atob(zipped.href.split(",")[1]), (c) => c.charCodeAt(0));
    const text = await new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"))).text();
    expect(text.startsWith("panel,series,kind"), "the compressed numbers cannot be read");
    wrong.push(...window.faults);
  } catch (error) {
    wrong.push(String(error));
  }
  verdict.textContent = wrong.length ? wrong.join("; ") : "ok";
  document.body.append(verdict);
})();
