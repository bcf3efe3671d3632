//! Plausible tables for each figure, and ways of spoiling them.

use dynvision_lab::figure::Table;
use std::fmt::Write;

pub(crate) const AREAS: [&str; 4] = ["V1", "V2", "V4", "IT"];
pub(crate) const CATEGORIES: [&str; 3] = ["none", "self", "full"];

fn read(csv: &str) -> Table {
    Table::read_csv(csv.as_bytes()).unwrap()
}

/// A number between −1 and 1 that looks like noise.
fn noise(of: &[usize]) -> f64 {
    let mixed = of
        .iter()
        .fold(0x9e37_79b9_7f4a_7c15u64, |hash, &x| (hash ^ x as u64).wrapping_mul(0x0100_0000_01b3).rotate_left(23));
    (mixed >> 11) as f64 / (1u64 << 52) as f64 - 1.
}

/// Activity `t` ms after an onset: it rises, overshoots and decays once the stimulus has gone.
fn activity(t: f64, duration: f64, delay: f64, gain: f64, adaptation: f64) -> f64 {
    let t = t - delay;
    let rise = |t: f64| if t <= 0. { 0. } else { (1. - (-t / 6.).exp()) * (1. - adaptation * (1. - (-t / 20.).exp())) };
    gain * if t <= duration { rise(t) } else { rise(duration) * (-(t - duration) / 10.).exp() }
}

pub(crate) fn responses() -> Table {
    let mut csv = String::from("condition,time_ms,stimulus,measure,area,category,seed,samples,value\n");
    for contrast in [0.1, 0.3, 1.] {
        for (k, category) in CATEGORIES.iter().enumerate() {
            for seed in 0..3 {
                for step in 0..60 {
                    let t = 2. * step as f64;
                    let shown = if (20. ..70.).contains(&t) { contrast } else { 0. };
                    for (i, area) in AREAS.iter().enumerate() {
                        let gain = [0.4, 0.8, 1.3, 6.][i] * contrast * (1. + 0.1 * noise(&[seed, i, k]));
                        let value = activity(t - 20., 50., 4. + 4. * i as f64, gain, 0.3 * k as f64) + 0.01;
                        writeln!(csv, "{contrast},{t},{shown},response,{area},{category},{seed},100,{value}").unwrap();
                    }
                    let known = activity(t - 20., 50., 16., 0.75 * contrast.sqrt(), -0.05 * k as f64);
                    let accuracy = (0.1 + known + 0.02 * noise(&[seed, step, k])).clamp(0., 1.);
                    writeln!(csv, "{contrast},{t},{shown},accuracy,,{category},{seed},100,{accuracy}").unwrap();
                    writeln!(csv, "{contrast},{t},{shown},confidence,,{category},{seed},100,{}", 0.7 * accuracy)
                        .unwrap();
                }
            }
        }
    }
    read(&csv)
}

pub(crate) fn dynamics() -> Table {
    let mut csv = String::from("experiment,condition,time_ms,stimulus,measure,area,category,seed,samples,value\n");
    let mut put = |experiment: &str, condition: f64, pulses: &[(f64, f64, f64)]| {
        for (k, category) in CATEGORIES.iter().enumerate() {
            for seed in 0..3 {
                for step in 0..70 {
                    let t = 2. * f64::from(step);
                    let shown =
                        pulses.iter().find(|(from, long, _)| (*from..from + long).contains(&t)).map_or(0., |p| p.2);
                    let mut value = 0.02;
                    for (i, (from, long, contrast)) in pulses.iter().enumerate() {
                        let since = pulses.first().map_or(0., |first| from - first.0 - first.1);
                        let adapted = if i > 0 && k > 0 { 1. - 0.3 * k as f64 * (-since / 8.).exp() } else { 1. };
                        let gain = contrast.powf(0.6) * adapted * (1. + 0.005 * noise(&[seed, k, i]));
                        value = f64::max(
                            value,
                            activity((t - from) * (0.5 + 0.5 * contrast), *long, 0., gain, 0.25 * k as f64),
                        );
                    }
                    writeln!(csv, "{experiment},{condition},{t},{shown},response,V1,{category},{seed},250,{value}")
                        .unwrap();
                }
            }
        }
    };
    for gap in [8., 12., 16., 32., 64.] {
        put("interval", gap, &[(4., 10., 1.), (14. + gap, 10., 1.)]);
    }
    for duration in [2., 4., 8., 16., 40.] {
        put("duration", duration, &[(4., duration, 1.)]);
    }
    for contrast in [0.1, 0.2, 0.5, 1.] {
        put("contrast", contrast, &[(4., 60., contrast)]);
    }
    read(&csv)
}

pub(crate) fn performance() -> Table {
    let mut csv = String::from("condition,intervention,time_ms,stimulus,measure,category,seed,samples,value\n");
    for ssnr in [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.] {
        for (k, category) in CATEGORIES.iter().enumerate() {
            for seed in 0..3 {
                for step in 0..40 {
                    let t = 2. * step as f64;
                    let shown = if (10. ..70.).contains(&t) { 1. } else { 0. };
                    for (intervention, without) in [("", 0.), ("silenced", 0.12 * k as f64)] {
                        let last = 0.8 / (1. + (-10. * (ssnr - 0.55 + 0.08 * k as f64 - without)).exp()) - without;
                        let rise = if t > 18. { 1. - (-(t - 18.) / 9.).exp() } else { 0. };
                        let value = 0.1 + last.max(0.) * rise + 0.02 * noise(&[seed, step, k]);
                        let value = value.clamp(0., 1.);
                        writeln!(csv, "{ssnr},{intervention},{t},{shown},accuracy,{category},{seed},500,{value}")
                            .unwrap();
                    }
                }
            }
        }
    }
    read(&csv)
}

pub(crate) fn training() -> Table {
    let mut csv = String::from("epoch,measure,split,category,seed,event,value\n");
    for (k, category) in CATEGORIES.iter().enumerate() {
        for seed in 0..3 {
            for epoch in 1..=40 {
                let e = epoch as f64;
                for (split, top) in [("training", 0.98), ("validation", 0.85)] {
                    let accuracy =
                        top - (top - 0.1) * (-e / (6. + 2. * k as f64)).exp() + 0.01 * noise(&[seed, epoch, k]);
                    let event = if epoch == 33 && split == "validation" { "best" } else { "" };
                    writeln!(csv, "{epoch},accuracy,{split},{category},{seed},{event},{accuracy}").unwrap();
                    let loss = 2.3 * (-e / 9.).exp() + if split == "training" { 0.05 } else { 0.4 + 0.004 * e };
                    writeln!(csv, "{epoch},loss,{split},{category},{seed},,{loss}").unwrap();
                }
                writeln!(csv, "{epoch},activity_loss,training,{category},{seed},,{}", 0.3 + 0.2 * (-e / 20.).exp())
                    .unwrap();
                let rate = 1e-3 * (0.5 + 0.5 * (std::f64::consts::PI * e / 41.).cos());
                writeln!(csv, "{epoch},learning_rate,,{category},{seed},,{rate}").unwrap();
            }
        }
    }
    read(&csv)
}

pub(crate) fn comparison() -> Table {
    let mut csv = String::from("parameter,category,default,seed,epoch,time_ms,stimulus,measure,split,area,value\n");
    let parameters = [
        ("tau (ms)", ["2", "5", "10"]),
        ("t_recurrence (ms)", ["2", "6", "12"]),
        ("pattern", ["feedforward", "skip", "feedback"]),
    ];
    for (p, (parameter, categories)) in parameters.iter().enumerate() {
        for (k, category) in categories.iter().enumerate() {
            let default = k == 1;
            for seed in 0..4 {
                let mut put = |epoch: &str, t: &str, shown: f64, measure: &str, split: &str, area: &str, value: f64| {
                    writeln!(
                        csv,
                        "{parameter},{category},{default},{seed},{epoch},{t},{shown},{measure},{split},{area},{value}"
                    )
                    .unwrap();
                };
                for epoch in 1..=20 {
                    let e = f64::from(epoch);
                    for (split, top) in [("training", 0.95), ("validation", 0.84)] {
                        put(&epoch.to_string(), "", 0., "accuracy", split, "", top - 0.8 * (-e / 5.).exp());
                    }
                }
                for step in 0..50 {
                    let t = 2. * step as f64;
                    let shown = if (10. ..60.).contains(&t) { 1. } else { 0. };
                    let accuracy =
                        0.1 + activity(t - 10., 50., 10. + 2. * k as f64, 0.7 + 0.02 * noise(&[seed, k, p]), 0.);
                    put("", &t.to_string(), shown, "accuracy", "", "", accuracy);
                    for (i, area) in ["V1", "IT"].iter().enumerate() {
                        let gain = 1. + 0.2 * k as f64 + 0.1 * noise(&[seed, k, i]);
                        put(
                            "",
                            &t.to_string(),
                            shown,
                            "response",
                            "",
                            area,
                            activity((t - 10.) / (1. + 0.3 * k as f64), 50., 4., gain, 0.3),
                        );
                    }
                }
            }
        }
    }
    read(&csv)
}

pub(crate) fn unrolling() -> Table {
    let mut csv = String::from("time_ms,stimulus,area,unrolling,shift_ms,seed,samples,value\n");
    for seed in 0..3 {
        for step in 0..50 {
            let t = 2. * step as f64;
            let shown = if (10. ..60.).contains(&t) { 1. } else { 0. };
            for (i, area) in AREAS.iter().enumerate() {
                let delay = 2. * i as f64;
                let gain = 1. + 0.1 * noise(&[seed, i]);
                let (late, early) = (activity(t - 10., 50., delay, gain, 0.4), activity(t - 10., 50., 0., gain, 0.4));
                writeln!(csv, "{t},{shown},{area},biological,,{seed},64,{late}").unwrap();
                writeln!(
                    csv,
                    "{t},{shown},{area},engineering,{delay},{seed},64,{}",
                    early * (1. + 1e-4 * noise(&[step, i]))
                )
                .unwrap();
            }
        }
    }
    read(&csv)
}

pub(crate) fn weights() -> Table {
    let mut csv = String::from("area,type,measure,category,seed,value\n");
    for (i, area) in AREAS.iter().enumerate() {
        for (k, category) in CATEGORIES.iter().enumerate() {
            for seed in 0..3 {
                for (j, kind) in ["feedforward", "recurrence"].iter().enumerate() {
                    for n in 0..120 {
                        let value = (noise(&[i, k, seed, j, n]) + noise(&[n, i, k, seed, j]))
                            * 0.1
                            * (1. + j as f64 * k as f64);
                        writeln!(csv, "{area},{kind},weight,{category},{seed},{value}").unwrap();
                    }
                }
                let radius = 0.3 + 0.25 * k as f64 + 0.08 * i as f64 + 0.05 * noise(&[i, k, seed]);
                writeln!(csv, "{area},recurrence,spectral_radius,{category},{seed},{radius}").unwrap();
            }
        }
    }
    read(&csv)
}

pub(crate) fn confusion() -> Table {
    confusion_of(10, |class| class.to_string())
}

pub(crate) fn confusion_of(classes: usize, name: impl Fn(usize) -> String) -> Table {
    let mut csv = String::from("time_ms,stimulus,seed,label,guess,value\n");
    for step in 0..12 {
        let t = 4. * step as f64;
        let shown = if (8. ..40.).contains(&t) { 1. } else { 0. };
        let right = activity(t - 8., 32., 6., 0.9, 0.);
        for seed in 0..3 {
            for label in 0..classes {
                for guess in 0..classes {
                    let near = if label.abs_diff(guess) == 1 { 0.25 } else { 0.02 };
                    let share = if label == guess { right } else { (1. - right) * near };
                    let count = (100. * share + 2. * (1. + noise(&[seed, label, guess, step]))).round();
                    writeln!(csv, "{t},{shown},{seed},\"{}\",\"{}\",{count}", name(label), name(guess)).unwrap();
                }
            }
        }
    }
    read(&csv)
}

pub(crate) fn rdm() -> Table {
    rdm_of(12, &AREAS, 9)
}

pub(crate) fn rdm_of(items: usize, areas: &[&str], steps: usize) -> Table {
    let mut csv = String::from("area,time_ms,stimulus,seed,row,column,value\n");
    for (i, area) in areas.iter().enumerate() {
        for step in 0..steps {
            let t = 5. * step as f64;
            let shown = if (5. ..35.).contains(&t) { 1. } else { 0. };
            let grown = activity(t - 5., 30., 3. * i as f64, 1., 0.2);
            for seed in 0..2 {
                for row in 0..items {
                    for column in 0..items {
                        let apart = if row == column {
                            0.
                        } else if row / 3 == column / 3 {
                            0.3
                        } else {
                            0.9
                        };
                        let value = grown * apart * (1. + 0.1 * noise(&[row.min(column), row.max(column), seed, i]));
                        writeln!(csv, "{area},{t},{shown},{seed},{row},{column},{value}").unwrap();
                    }
                }
            }
        }
    }
    read(&csv)
}

/// Every figure with its table.
pub(crate) fn all() -> Vec<(&'static str, Table)> {
    vec![
        ("responses", responses()),
        ("dynamics", dynamics()),
        ("performance", performance()),
        ("training", training()),
        ("comparison", comparison()),
        ("unrolling", unrolling()),
        ("weights", weights()),
        ("confusion", confusion()),
        ("rdm", rdm()),
    ]
}

/// The table with other values.
fn valued(table: &Table, value: impl Fn(usize, Option<f64>) -> Option<f64>) -> Table {
    let values: Vec<Option<f64>> = (0..table.rows()).map(|row| value(row, table.number("value", row))).collect();
    table.clone().numbers("value", values).unwrap()
}

/// The table with other labels in a column; missing ones stay missing.
pub(crate) fn relabelled(table: &Table, column: &str, label: impl Fn(String) -> String) -> Table {
    if !table.has(column) {
        return table.clone();
    }
    let labels: Vec<String> =
        (0..table.rows()).map(|row| table.label(column, row).map(&label).unwrap_or_default()).collect();
    table.clone().text(column, labels).unwrap()
}

/// Ways of spoiling a table that leave it drawable.
pub(crate) fn spoiled(table: &Table) -> Vec<(&'static str, Table)> {
    let x = if table.has("time_ms") { "time_ms" } else { "epoch" };
    let times = table.levels(x);
    let one_step = match times.get(times.len() / 2) {
        Some(time) => table.having(x, &[time]),
        None => table.clone(),
    };
    let long = ["area", "category", "parameter", "label", "guess", "row", "column", "type"].iter().fold(
        table.clone(),
        |table, column| {
            // figures know some of these by name
            let keep = ["type", "parameter"].contains(column) && !table.has(column);
            if keep {
                table
            } else {
                relabelled(&table, column, |label| {
                    format!("{label} <& a very long name of \"something\" with τ and 'quotes'>")
                })
            }
        },
    );
    vec![
        ("one-seed", table.having("seed", &["0"])),
        ("all-missing", valued(table, |_, _| None)),
        (
            "some-nan",
            valued(table, |row, value| value.map(|v| if row % 5 == 0 || (row / 400) % 6 == 2 { f64::NAN } else { v })),
        ),
        ("one-step", one_step),
        ("long-names", long),
        ("constant", valued(table, |_, value| value.map(|_| 0.25))),
        ("huge", valued(table, |_, value| value.map(|v| v * 1e9))),
        ("tiny-negative", valued(table, |_, value| value.map(|v| v * -1e-7))),
    ]
}

/// Two hundred conditions, categories or classes.
pub(crate) fn many() -> Vec<(&'static str, &'static str, Table)> {
    let few = |table: Table| table.having("seed", &["0"]);
    let copies = |table: &Table, column: &str, name: &dyn Fn(usize) -> String| {
        let base = table.levels(column).first().cloned().unwrap();
        let own = table.having(column, &[&base]);
        let columns: Vec<String> = own.names().map(str::to_owned).collect();
        let rows = || (0..200).flat_map(|copy| (0..own.rows()).map(move |row| (copy, row)));
        columns.iter().fold(Table::new(), |all, name_of| {
            if name_of == column {
                all.text(column, rows().map(|(copy, _)| name(copy))).unwrap()
            } else if name_of == "value" {
                all.numbers(
                    "value",
                    rows().map(|(copy, row)| own.number("value", row).map(|v| v * (0.5 + copy as f64 / 200.))),
                )
                .unwrap()
            } else if own.number(name_of, 0).is_some() {
                all.numbers(name_of.as_str(), rows().map(|(_, row)| own.number(name_of, row))).unwrap()
            } else {
                all.text(name_of.as_str(), rows().map(|(_, row)| own.label(name_of, row).unwrap_or_default())).unwrap()
            }
        })
    };
    let one_contrast = few(responses()).having("condition", &["1"]).having("category", &["full"]);
    let ssnr = few(performance()).having("category", &["full"]);
    let ssnr = copies(&ssnr.filtered(|&row| row % 2 == 0), "condition", &|i| format!("{}", (i + 1) as f64 / 200.));
    let numbered: Vec<Option<f64>> =
        (0..ssnr.rows()).map(|row| ssnr.label("condition", row).and_then(|l| l.parse().ok())).collect();
    let conditions = copies(&one_contrast, "condition", &|i| format!("condition {i}"));
    vec![
        ("responses", "200-conditions", conditions),
        ("responses", "200-categories", copies(&one_contrast, "category", &|i| format!("category {i}"))),
        ("training", "200-categories", copies(&few(training()), "category", &|i| i.to_string())),
        ("performance", "200-conditions", ssnr.numbers("condition", numbered).unwrap()),
        (
            "confusion",
            "100-classes",
            confusion_of(100, |class| format!("class {class}"))
                .having("seed", &["0"])
                .having("time_ms", &["0", "16", "40"]),
        ),
        ("rdm", "100-items", rdm_of(100, &["V1"], 3)),
    ]
}
