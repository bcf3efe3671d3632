//! Every figure, drawn from plausible and from spoiled tables. With `DYNVISION_FIGURES` set to a folder they are written there,
//! to be looked at.

#![allow(clippy::unwrap_used, reason = "a failed test may panic")]

mod check;
mod tables;

use dynvision_lab::figure::{Drawing, FigureError, Options, Palette, Registry, Table};

fn options() -> Options {
    Options { chance: Some(0.1), caption: "Numbers made up for a test of the figures.".into(), ..Options::default() }
}

fn draw(figure: &str, table: &Table, options: &Options) -> Result<Drawing, FigureError> {
    Registry::built_in().get(figure)?.draw(table, options)
}

fn keep(figure: &str, case: &str, drawing: &Drawing) {
    if let Some(folder) = std::env::var_os("DYNVISION_FIGURES") {
        std::fs::create_dir_all(&folder).unwrap();
        drawing.save(std::path::Path::new(&folder).join(format!("{figure}-{case}.svg"))).unwrap();
    }
}

#[test]
fn plausible_tables_are_drawn() {
    for (figure, table) in tables::all() {
        let drawing = draw(figure, &table, &options()).unwrap();
        keep(figure, "plausible", &drawing);
        check::picture(&drawing).unwrap_or_else(|error| panic!("{figure}: {error}"));
        check::numbers(&drawing).unwrap_or_else(|error| panic!("{figure}: {error}"));
        assert_eq!(drawing, draw(figure, &table, &options()).unwrap(), "{figure} is not the same again");
        for width in [480., 1400.] {
            let drawing = draw(figure, &table, &Options { width, ..options() }).unwrap();
            check::picture(&drawing).unwrap_or_else(|error| panic!("{figure} at {width}: {error}"));
        }
    }
}

#[test]
fn spoiled_tables_are_drawn_within_the_page() {
    for (figure, table) in tables::all() {
        for (case, table) in tables::spoiled(&table) {
            let drawing = draw(figure, &table, &options()).unwrap_or_else(|error| panic!("{figure}, {case}: {error}"));
            keep(figure, case, &drawing);
            check::picture(&drawing).unwrap_or_else(|error| panic!("{figure}, {case}: {error}"));
            check::numbers(&drawing).unwrap_or_else(|error| panic!("{figure}, {case}: {error}"));
        }
    }
}

#[test]
fn two_hundred_of_anything_are_drawn_within_the_page() {
    for (figure, case, table) in tables::many() {
        let drawing = draw(figure, &table, &options()).unwrap_or_else(|error| panic!("{figure}, {case}: {error}"));
        keep(figure, case, &drawing);
        check::picture(&drawing).unwrap_or_else(|error| panic!("{figure}, {case}: {error}"));
        assert!(drawing.svg.len() < 2_000_000, "{figure}, {case}: {} bytes", drawing.svg.len());
    }
}

#[test]
fn a_table_without_rows_is_refused() {
    for (figure, table) in tables::all() {
        let error = draw(figure, &table.filtered(|_| false), &options()).unwrap_err();
        assert!(matches!(error, FigureError::Nothing(_)), "{figure}: {error}");
    }
}

#[test]
fn each_column_that_a_figure_names_is_needed() {
    let figures = Registry::built_in();
    for (name, table) in tables::all() {
        let figure = figures.get(name).unwrap();
        for (column, _) in figure.columns() {
            let without = table.clone().renamed(column, "something_else").unwrap();
            let error = figure.draw(&without, &options()).unwrap_err().to_string();
            assert!(error.contains(&format!("`{column}`")), "{name} without {column}: {error}");
        }
        let text = tables::relabelled(&table, "value", |_| "much".into());
        let error = figure.draw(&text, &options()).unwrap_err().to_string();
        assert!(error.contains("`value`") && error.contains("`much`"), "{name}: {error}");
    }
}

#[test]
fn the_csv_holds_the_means_of_the_table() {
    let table = tables::responses();
    let drawing = draw("responses", &table, &options()).unwrap();
    // a second, naive computation: V1 at contrast 1, category full, 30 ms after the onset at 20 ms
    let rows = || {
        (0..table.rows()).filter(|&row| {
            let is = |column: &str, label: &str| table.label(column, row).as_deref() == Some(label);
            is("condition", "1")
                && is("area", "V1")
                && is("category", "full")
                && is("measure", "response")
                && is("time_ms", "50")
        })
    };
    let values: Vec<f64> = rows().filter_map(|row| table.number("value", row)).collect();
    let mean = values.iter().sum::<f64>() / values.len() as f64;
    assert_eq!(values.len(), 3);
    let numbers = check::read(&drawing).unwrap();
    let found = |kind: &str| -> Vec<f64> {
        let own =
            numbers.iter().filter(|n| n.panel == "V1 at 1" && n.series == "full" && n.kind == kind && n.x == "30");
        own.filter_map(|n| n.y).collect()
    };
    assert!((found("mean")[0] - mean).abs() < 1e-12);
    assert!(found("seed").iter().zip(&values).all(|(a, b)| (a - b).abs() < 1e-12) && found("seed").len() == 3);
    // and the band that the stimulus is
    let band = numbers.iter().find(|n| n.panel == "V1 at 0.3" && n.kind == "stimulus").unwrap();
    assert_eq!((band.low, band.high, band.y), (Some(0.), Some(50.), Some(0.3)));
}

#[test]
fn accuracy_is_against_the_first_label_where_the_table_has_both() {
    let csv = "time_ms,area,measure,value\n0,,accuracy,0.5\n0,,first_label_accuracy,0.75\n2,,accuracy,\n2,,first_label_accuracy,0.25\n0,v1,response,1\n";
    let table = Table::read_csv(csv.as_bytes()).unwrap();
    let numbers = check::read(&draw("responses", &table, &Options::default()).unwrap()).unwrap();
    let of = |n: &&check::Number| n.panel == "performance" && n.kind == "mean";
    assert_eq!(numbers.iter().filter(of).map(|n| n.y).collect::<Vec<_>>(), [Some(0.75), Some(0.25)]);
}

#[test]
fn what_is_missing_is_a_gap_and_never_0() {
    for (figure, table) in tables::all() {
        let (_, missing) = tables::spoiled(&table).into_iter().find(|(case, _)| *case == "all-missing").unwrap();
        let drawing = draw(figure, &missing, &options()).unwrap();
        assert!(drawing.svg.contains("no data"), "{figure}");
        let measured = ["mean", "seed", "cell", "median", "density"];
        let drawn: Vec<_> = check::read(&drawing)
            .unwrap()
            .into_iter()
            .filter(|n| measured.contains(&n.kind.as_str()) && n.y.is_some())
            .collect();
        assert!(drawn.is_empty(), "{figure}: {drawn:?}");
    }
}

#[test]
fn fits_say_what_the_table_was_made_of() {
    let drawing = draw("dynamics", &tables::dynamics(), &options()).unwrap();
    // `full` recovers by 1 − 0.6·exp(−gap/8), and `none` is not adapted
    let text = check::texts(&drawing).unwrap().join("\n");
    let tau =
        text.split("full: τ of recovery ").nth(1).and_then(|rest| rest.split_whitespace().next()).unwrap_or_default();
    assert!(tau.parse::<f64>().is_ok_and(|tau| (tau - 8.).abs() < 1.5), "{text}");
    let drawing = draw("performance", &tables::performance(), &options()).unwrap();
    // `none` has its half height at 0.55
    let text = check::texts(&drawing).unwrap().join("\n");
    let threshold = text.split("none: threshold ").nth(1).and_then(|rest| rest.split_whitespace().next()).unwrap();
    assert!((threshold.parse::<f64>().unwrap() - 0.55).abs() < 0.02, "{threshold}");
}

#[test]
fn options_are_heeded() {
    let table = tables::responses();
    let own = draw("responses", &table, &options()).unwrap();
    let original = draw("responses", &table, &Options { palette: Palette::Original, ..options() }).unwrap();
    assert!(own.svg.contains("#0072b2") && !own.svg.contains("#b8860b") && original.svg.contains("#b8860b"));
    let titled =
        draw("responses", &table, &Options { title: Some("A & B".into()), parameter: "contrast".into(), ..options() })
            .unwrap();
    assert!(titled.svg.contains("A &amp; B") && titled.svg.contains("contrast 0.3"));
    let tau = |tau_ms| draw("dynamics", &tables::dynamics(), &Options { tau_ms, ..options() });
    let drawing = tau(Some(4.)).unwrap();
    check::picture(&drawing).unwrap();
    keep("dynamics", "multiples", &drawing);
    assert!(drawing.svg.contains("multiples of τ") && !tau(None).unwrap().svg.contains("multiples of τ"));
    assert!(matches!(tau(Some(0.)), Err(FigureError::Option { name: "tau_ms", .. })));
    // areas are from below in the order that is given
    let heights = |areas: &[&str]| {
        let areas = areas.iter().map(|area| (*area).to_owned()).collect();
        let drawing = draw("responses", &table, &Options { areas, ..options() }).unwrap();
        check::texts(&drawing)
            .unwrap()
            .into_iter()
            .filter(|text| tables::AREAS.contains(&text.as_str()))
            .collect::<Vec<_>>()
    };
    assert_eq!(heights(&[]), ["IT", "V4", "V2", "V1"]);
    assert_eq!(heights(&["IT", "V1"]), ["V4", "V2", "V1", "IT"]);
    for wrong in [
        Options { width: 10., ..options() },
        Options { level: 1., ..options() },
        Options { chance: Some(2.), ..options() },
    ] {
        assert!(matches!(draw("responses", &table, &wrong), Err(FigureError::Option { .. })));
    }
}
