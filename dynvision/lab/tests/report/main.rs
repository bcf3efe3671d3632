//! A report with everything in it. With `DYNVISION_REPORT` set to a path it is written there, for a browser to open.

#![allow(clippy::unwrap_used, reason = "a failed test may panic")]

use dynvision_lab::figure::{Options, Registry, Table};
use dynvision_lab::report::{
    DataFacts, Example, Exhibit, Grid, Methods, Picture, Player, PlayerArea, Report, ReportError, Run, Setting,
    Software, TrainingFacts,
};
use std::fmt::Write;

const STEPS: usize = 40;

/// Areas that respond to the picture one after the other.
fn player(channels: usize) -> Player {
    let areas: Vec<PlayerArea> = [("v1", 14), ("v2", 7), ("it", 4)]
        .map(|(name, side)| PlayerArea { name: name.into(), channels, height: side, width: side })
        .into();
    let classes: Vec<String> = (0..12).map(|class| format!("digit {class}")).collect();
    let example = |digit: usize| {
        let ink = |i: usize| (i % 28).abs_diff(14) + (i / 28).abs_diff(14) < 4 + digit;
        let pixels: Vec<u8> = (0..784).map(|i| if ink(i) { 230 } else { 10 }).collect();
        let maps = areas.iter().enumerate().map(|(a, area)| {
            let scale = 28 / area.height;
            let mut map = Vec::new();
            for step in 0..STEPS {
                let since = step as f32 - 10. - 3. * a as f32;
                let level = if since < 0. { 0. } else { (1. - (-since / 4.).exp()) * (-since / 40.).exp() };
                for channel in 0..channels {
                    for i in 0..area.height * area.width {
                        let at = (i / area.width) * scale * 28 + (i % area.width) * scale;
                        map.push(level * f32::from(pixels[at]) / 255. * (1. + channel as f32 / 4.));
                    }
                }
            }
            map
        });
        let logits = (0..STEPS).flat_map(|step| {
            (0..12).map(
                move |class| if class == digit && step > 18 { 0.3 * (step - 18) as f32 } else { -0.1 * class as f32 },
            )
        });
        let picture = Picture { channels: 1, height: 28, width: 28, pixels: pixels.clone() };
        Example {
            name: format!("image {digit} <b>"),
            label: Some(digit),
            picture,
            maps: maps.collect(),
            logits: logits.collect(),
        }
    };
    let examples = [0, 3, 11].map(example).into();
    Player { dt_ms: 2., onset_ms: 20., classes, areas, examples }
}

fn exhibit(figure: &str, table: &Table) -> Exhibit {
    let drawing = Registry::built_in().get(figure).unwrap().draw(table, &Options::default()).unwrap();
    let caption = format!("The figure {figure}, of numbers made up for a test.");
    Exhibit { name: figure.into(), title: format!("Figure {figure}"), caption, drawing }
}

fn responses() -> Table {
    let mut csv = String::from("condition,time_ms,stimulus,measure,area,category,seed,samples,value\n");
    for contrast in [0.2, 1.] {
        for (k, category) in ["none", "full"].iter().enumerate() {
            for seed in 0..3 {
                for step in 0..50 {
                    let t = f64::from(2 * step);
                    let since = (t - 24.).max(0.);
                    let value = contrast
                        * (1. - (-since / 8.).exp())
                        * (1. + 0.05 * f64::from(seed))
                        * (-since * k as f64 / 60.).exp();
                    let shown = if (20. ..70.).contains(&t) { contrast } else { 0. };
                    writeln!(csv, "{contrast},{t},{shown},response,v1,{category},{seed},100,{value}").unwrap();
                    writeln!(csv, "{contrast},{t},{shown},accuracy,,{category},{seed},100,{}", 0.1 + 0.6 * value)
                        .unwrap();
                }
            }
        }
    }
    Table::read_csv(csv.as_bytes()).unwrap()
}

fn training() -> Table {
    let mut csv = String::from("epoch,measure,split,seed,value\n");
    for epoch in 1..20 {
        for seed in 0..3 {
            let e = f64::from(epoch);
            writeln!(csv, "{epoch},accuracy,training,{seed},{}", 0.97 - 0.8 * (-e / 4.).exp()).unwrap();
            writeln!(
                csv,
                "{epoch},accuracy,validation,{seed},{}",
                0.9 - 0.75 * (-e / 4.).exp() - 0.01 * f64::from(seed)
            )
            .unwrap();
            writeln!(csv, "{epoch},loss,training,{seed},{}", 2.3 * (-e / 5.).exp()).unwrap();
        }
    }
    Table::read_csv(csv.as_bytes()).unwrap()
}

const WIRING: &str = r##"<svg xmlns="http://www.w3.org/2000/svg" width="420" height="80" viewBox="0 0 420 80" font-family="sans-serif">
<script>document.title = "run"</script>
<g fill="#fff" stroke="#333"><rect x="10" y="25" width="80" height="30"/><rect x="160" y="25" width="80" height="30"/><rect x="310" y="25" width="80" height="30"/></g>
<path d="M90 40H160M240 40H310M200 25C200 0 240 0 225 25" stroke="#0072b2" fill="none"/>
<g text-anchor="middle" font-size="13"><text x="50" y="45">v1</text><text x="200" y="45">v2</text><text x="350" y="45">it</text></g></svg>"##;

fn report() -> Report {
    let facts = |seed: u64| {
        [
            ("seed", seed.to_string()),
            ("commit", "0f59d8c".into()),
            ("wall time", "3 min 12 s".into()),
            ("peak memory", "412 MB".into()),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .into()
    };
    let areas = Grid {
        note: "Cost is multiplications for one image and step.".into(),
        ..Grid::new("Areas", &["area", "shape", "parameters", "cost", "memory"])
    };
    Report {
        summary: "Do recurrent networks adapt as human visual cortex does? <script>throw 1</script>".into(),
        runs: (0..3).map(|seed| Run { name: format!("cordsnet-full-{seed}-a1b2c3"), facts: facts(seed) }).collect(),
        wiring: Some(WIRING.into()),
        model: vec![areas.row(["v1", "16 × 14 × 14", "2,480", "464,128", "1.2 MB"]).row([
            "v2",
            "16 × 7 × 7",
            "4,640",
            "226,576",
            "0.4 MB",
        ])],
        configuration: [
            ("dynamics.dt", "2 ms", "built in"),
            ("dynamics.tau", "5 ms", "lab.toml:4"),
            ("train.epochs", "20", "command line"),
        ]
        .map(|(key, value, source)| Setting { key: key.into(), value: value.into(), source: source.into() })
        .into(),
        training: vec![exhibit("training", &training())],
        experiments: vec![exhibit("responses", &responses())],
        numbers: vec![
            Grid::new("Accuracy", &["category", "accuracy", "n"]).row(["none", "0.81 [0.78, 0.84]", "3"]).row([
                "full",
                "0.93 [0.90, 0.96]",
                "3",
            ]),
        ],
        warnings: vec!["Three seeds: intervals are wide.".into()],
        methods: Some(Methods {
            model: "CordsNet with full recurrence".into(),
            areas: ["v1", "v2", "it"].map(String::from).into(),
            parameters: Some(12_345),
            equation: "τ dr/dt = −r + [W ∗ x + U ∗ r]₊".into(),
            dynamics: vec![("dt".into(), "2 ms".into()), ("τ".into(), "5 ms".into())],
            data: Some(DataFacts {
                name: "mnist5k".into(),
                training: Some(4000),
                test: Some(1000),
                size: "28 × 28".into(),
                ..DataFacts::default()
            }),
            training: Some(TrainingFacts {
                optimizer: "Adam".into(),
                learning_rate: "0.001".into(),
                epochs: Some(20),
                batch: Some(32),
                seeds: vec![0, 1, 2],
                loss: "cross-entropy".into(),
                ..TrainingFacts::default()
            }),
            experiments: vec!["two pulses with gaps of 2 to 32 ms".into()],
            statistics: "Intervals are 95 % by Student's t over seeds".into(),
            software: vec![Software { name: "dynvision".into(), version: "0.1.0".into(), citation: String::new() }],
            ..Methods::default()
        }),
        player: Some(player(8)),
        ..Report::new("Adaptation & <summation>")
    }
}

/// Attributes of a kind, whatever element has them.
fn attributes<'a>(html: &'a str, name: &str) -> Vec<&'a str> {
    html.split(&format!(" {name}=\"")).skip(1).filter_map(|rest| rest.split('"').next()).collect()
}

#[test]
fn the_report_has_everything_and_needs_no_network() {
    let html = report().to_html().unwrap();
    if let Some(path) = std::env::var_os("DYNVISION_REPORT") {
        report().save(path).unwrap();
    }
    for id in ["warnings", "runs", "model", "training", "experiments", "player", "numbers", "configuration", "methods"]
    {
        assert!(html.contains(&format!("<section id=\"{id}\">")) && html.contains(&format!("href=\"#{id}\"")), "{id}");
    }
    assert!(html.len() < Report::LIMIT);
    assert!(attributes(&html, "src").iter().all(|address| address.starts_with("data:")));
    assert!(attributes(&html, "href").iter().all(|address| address.starts_with("data:") || address.starts_with('#')));
    assert!(html.contains("default-src 'none'"));
    assert_eq!(html, report().to_html().unwrap());
}

#[test]
fn nothing_of_the_content_is_markup() {
    let html = report().to_html().unwrap();
    assert!(!html.contains("<script>throw") && html.contains("&lt;script&gt;throw 1"));
    assert!(!html.contains("<summation>") && !html.contains("image 3 <b>") && html.contains("\\u003cb>"));
    // the script in the wiring is within an address
    assert!(!html.contains("document.title = \"run\"") && html.contains("document.title = %22run%22"));
    // elements are closed as they are opened
    for element in ["section", "figure", "table", "tr", "td", "div", "ul", "details", "script", "blockquote"] {
        let open = html.matches(&format!("<{element}>")).count() + html.matches(&format!("<{element} ")).count();
        assert_eq!(open, html.matches(&format!("</{element}>")).count(), "{element}");
    }
}

#[test]
fn the_numbers_behind_the_link_are_those_of_the_figure() {
    let exhibit = exhibit("training", &training());
    let html = Report { training: vec![exhibit.clone()], ..Report::new("One") }.to_html().unwrap();
    let address = attributes(&html, "href").into_iter().find(|address| address.starts_with("data:text/csv")).unwrap();
    let mut bytes = Vec::new();
    let mut rest = address.split_once(',').unwrap().1.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let hex = [rest.next().unwrap(), rest.next().unwrap()];
            bytes.push(u8::from_str_radix(std::str::from_utf8(&hex).unwrap(), 16).unwrap());
        } else {
            bytes.push(byte);
        }
    }
    assert_eq!(String::from_utf8(bytes).unwrap(), exhibit.drawing.csv);
}

#[test]
fn an_empty_report_is_a_page_without_sections() {
    let html = Report::new("Nothing").to_html().unwrap();
    assert!(html.contains("<h1>Nothing</h1>") && !html.contains("<section"));
    let empty = Report { player: Some(Player::default()), methods: Some(Methods::default()), ..Report::new("Nothing") };
    assert!(!empty.to_html().unwrap().contains("<section"));
}

#[test]
fn a_large_player_is_thinned_and_a_large_report_refused() {
    let large = Report { player: Some(player(400)), ..report() };
    let html = large.to_html().unwrap();
    assert!(html.len() < Report::LIMIT && html.len() > Report::LIMIT / 3, "{} bytes", html.len());
    assert!(html.contains("steps is embedded") || html.contains("steps are embedded"));
    let mut exhibit = exhibit("training", &training());
    exhibit.drawing.svg += &"<!-- -->".repeat(700_000);
    let error = Report { training: vec![exhibit], ..Report::new("Large") }.to_html().unwrap_err();
    assert!(matches!(&error, ReportError::Large { .. }) && error.to_string().contains("training ("), "{error}");
}

#[test]
fn a_report_is_saved_whole() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("report.html");
    report().save(&path).unwrap();
    assert_eq!(std::fs::read_to_string(path).unwrap(), report().to_html().unwrap());
}
