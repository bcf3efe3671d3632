(() => {
  "use strict";
  const source = document.getElementById("player-data");
  if (!source) return;
  const data = JSON.parse(source.textContent);
  const get = (id) => document.getElementById("player-" + id);
  const bytes = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
  const [image, area, channel, time, play] = ["image", "area", "channel", "time", "play"].map(get);
  const stops = [[68, 1, 84], [72, 40, 120], [62, 73, 137], [49, 104, 142], [38, 130, 142], [31, 158, 137], [53, 183, 121],
    [109, 205, 89], [180, 222, 44], [253, 231, 37]];
  const colour = (share) => {
    const at = Math.min(Math.max(share, 0), 1) * (stops.length - 1);
    const low = Math.min(Math.floor(at), stops.length - 2);
    return [0, 1, 2].map((i) => stops[low][i] + (at - low) * (stops[low + 1][i] - stops[low][i]));
  };
  const MISSING = 255;
  const decoded = new Map();
  const maps = (i, a) => {
    const key = i + "/" + a;
    if (!decoded.has(key)) decoded.set(key, bytes(data.examples[i].maps[a]));
    return decoded.get(key);
  };
  const fill = (select, names) => {
    select.replaceChildren(...names.map((name, i) => {
      const option = document.createElement("option");
      option.value = String(i);
      option.textContent = name;
      return option;
    }));
  };
  const paint = (canvas, width, height, pixel) => {
    canvas.width = Math.max(width, 1);
    canvas.height = Math.max(height, 1);
    if (width < 1 || height < 1) return;
    const context = canvas.getContext("2d");
    const picture = context.createImageData(width, height);
    for (let i = 0; i < width * height; i++) picture.data.set([...pixel(i), 255], 4 * i);
    context.putImageData(picture, 0, 0);
  };
  const number = (x) => x === null ? "–" : Number(x.toPrecision(3)).toString().replace("-", "−");
  const channels = () => {
    fill(channel, ["mean", ...data.areas[area.value].channels.map((c) => "channel " + c)]);
  };
  const picture = () => {
    const shown = data.examples[image.value];
    const pixels = bytes(shown.pixels);
    const each = shown.width * shown.height;
    paint(get("picture"), shown.width, shown.height, (i) =>
      shown.channels === 3 ? [pixels[i], pixels[each + i], pixels[2 * each + i]] : [pixels[i], pixels[i], pixels[i]]);
  };
  const draw = () => {
    const step = Number(time.value);
    const shown = data.examples[image.value];
    const of = data.areas[area.value];
    const all = maps(image.value, area.value);
    const each = of.width * of.height;
    const start = step * of.channels.length * each;
    const mean = channel.value === "0";
    paint(get("map"), of.width, of.height, (i) => {
      let level = null;
      if (!mean) {
        const found = all[start + (Number(channel.value) - 1) * each + i];
        level = found === MISSING ? null : found;
      } else {
        let [sum, n] = [0, 0];
        for (let c = 0; c < of.channels.length; c++) {
          const found = all[start + c * each + i];
          if (found !== MISSING) { sum += found; n += 1; }
        }
        level = n ? sum / n : null;
      }
      return level === null ? [200, 200, 200] : colour(level / 254);
    });
    get("low").textContent = number(of.low);
    get("high").textContent = number(of.high);
    const ms = step * data.stride * data.dt - data.onset;
    get("when").textContent = number(Math.round(ms * 1000) / 1000) + " ms from onset";
    const logits = shown.logits[step] || [];
    const known = logits.filter((x) => x !== null);
    const [low, high] = [Math.min(0, ...known), Math.max(0, ...known)];
    // the largest ten, with the true class among them
    let order = logits.map((_, i) => i).sort((a, b) => (logits[b] ?? -Infinity) - (logits[a] ?? -Infinity)).slice(0, 10);
    if (shown.label !== null && shown.label < logits.length && !order.includes(shown.label)) order[order.length - 1] = shown.label;
    const first = order[0];
    order = logits.length <= 10 ? order.sort((a, b) => a - b) : order;
    get("logits").replaceChildren(...order.map((i) => {
      const row = document.createElement("div");
      row.className = "bar" + (i === first ? " first" : "") + (i === shown.label ? " label" : "");
      const name = document.createElement("span");
      name.textContent = data.classes[i] + (i === shown.label ? " ✓" : "");
      name.title = data.classes[i];
      const track = document.createElement("span");
      const bar = document.createElement("i");
      bar.style.width = (high > low && logits[i] !== null ? 100 * (logits[i] - low) / (high - low) : 0) + "%";
      track.append(bar);
      const value = document.createElement("b");
      value.textContent = number(logits[i]);
      row.append(name, track, value);
      return row;
    }));
  };
  if (!data.examples.length || !data.areas.length || !data.steps) return;
  fill(image, data.examples.map((example) => example.name));
  fill(area, data.areas.map((of) => of.name));
  area.value = String(data.areas.length - 1);
  channels();
  time.max = String(data.steps - 1);
  // in the middle of what follows the onset
  time.value = String(Math.min(data.steps - 1, Math.round(data.onset / data.dt / data.stride + (data.steps - data.onset / data.dt / data.stride) / 2)));
  image.addEventListener("change", () => { picture(); draw(); });
  area.addEventListener("change", () => { channels(); draw(); });
  channel.addEventListener("change", draw);
  time.addEventListener("input", draw);
  let timer = null;
  const stop = () => { clearInterval(timer); timer = null; play.textContent = "Play"; };
  play.addEventListener("click", () => {
    if (timer !== null) { stop(); return; }
    if (Number(time.value) >= data.steps - 1) time.value = "0";
    play.textContent = "Pause";
    timer = setInterval(() => {
      if (Number(time.value) >= data.steps - 1) { stop(); return; }
      time.value = String(Number(time.value) + 1);
      draw();
    }, 120);
  });
  picture();
  draw();
})();
// what is folded is printed as well
addEventListener("beforeprint", () => { document.querySelectorAll("details").forEach((details) => { details.open = true; }); });
(() => {
  "use strict";
  const button = document.getElementById("copy-methods");
  const text = document.getElementById("methods-text");
  if (!button || !text) return;
  button.addEventListener("click", () => {
    const selection = getSelection();
    selection.selectAllChildren(text);
    if (navigator.clipboard) {
      navigator.clipboard.writeText(text.textContent).then(() => { button.textContent = "Copied"; }, () => {});
    }
  });
})();
