//! Tables and responses as pandas and xarray read them. Where Python lacks them, the test says so and passes.

use crate::net;
use dynvision_lab::Gallery;
use dynvision_lab::experiment::{Experiment, ResultTable, Runner};
use dynvision_lab::response::Responses;
use std::process::Command;

const TEXT: &str = r#"
about = "test"
measures = ["response_avg", "accuracy"]
[model]
idle = 2
[protocol]
duration = { total = 5, intro = 1, stim = 2 }
[vary]
"protocol.duration.stim" = [1, 2]
"#;

/// The interpreter, `python3` unless the environment says another; none where it lacks one of the modules.
fn python(modules: &str) -> Option<String> {
    let python = std::env::var("DYNVISION_PYTHON").unwrap_or_else(|_| "python3".into());
    let found = Command::new(&python).args(["-c", &format!("import {modules}")]).output();
    found.is_ok_and(|out| out.status.success()).then_some(python)
}

fn ask(python: &str, code: &str, path: &std::path::Path) -> String {
    let out = Command::new(python).args(["-c", code]).arg(path).output().unwrap();
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    String::from_utf8(out.stdout).unwrap().trim().into()
}

#[test]
fn pandas_reads_the_tables() {
    let Some(python) = python("pandas, pyarrow") else {
        eprintln!("not tested: Python has no pandas with pyarrow");
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let (subject, set) = (net::subject(1), net::images());
    let gallery = Gallery::of(&set).unwrap();
    let runner = Runner::new(&subject, &gallery, folder.path().join("cells")).images(0..3).tag("kind", "full");
    let results = runner.run(&Experiment::parse(TEXT).unwrap()).unwrap();
    results.write(folder.path().join("out")).unwrap();
    let code = "import sys, pandas
t = pandas.read_parquet(sys.argv[1] + '/steps.parquet')
s = pandas.read_csv(sys.argv[1] + '/steps.csv')
print(len(t), t.kind.unique()[0], repr(t.v2_response_avg.sum()), t.accuracy.isna().sum(), len(s))";
    let said = ask(&python, code, &folder.path().join("out"));
    let table = results.table(ResultTable::Steps).unwrap();
    let column = |name: &str| table.column(name).unwrap().numbers().unwrap();
    let sum: f64 = column("v2_response_avg").iter().flatten().sum();
    let missing = column("accuracy").iter().filter(|x| x.is_none()).count();
    let words: Vec<&str> = said.split(' ').collect();
    assert_eq!((words[0], words[1]), (&*table.rows().to_string(), "full"));
    let read: f64 = words[2].trim_start_matches("np.float64(").trim_end_matches(')').parse().unwrap();
    assert!((read - sum).abs() < 1e-9 * sum, "{said}");
    assert_eq!(words[3], missing.to_string());
    let summary = results.summary(ResultTable::Steps, 0.95).unwrap();
    assert_eq!(words[4], summary.rows().to_string());
}

#[test]
fn xarray_opens_the_responses() {
    let Some(python) = python("xarray, zarr") else {
        eprintln!("not tested: Python has no xarray with zarr");
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let (subject, set) = (net::subject(1), net::images());
    let gallery = Gallery::of(&set).unwrap();
    let runner =
        Runner::new(&subject, &gallery, folder.path()).images([4, 9, 2]).batch(2).responses(Responses::default());
    let results = runner.run(&Experiment::parse(TEXT).unwrap()).unwrap();
    let zarr = results.folders().nth(1).unwrap().join("responses.zarr");
    let code = "import sys, xarray
r = xarray.open_zarr(sys.argv[1], consolidated=False)
print(r.v1.dims, r.v1.shape, list(r.time.values), list(r.image.values), list(r.label.values))
print(*[repr(float(x)) for x in abs(r.v1).mean(('v1_channel', 'v1_row', 'v1_column')).values.ravel()])";
    let said = ask(&python, code, &zarr);
    let (about, means) = said.split_once('\n').unwrap();
    assert!(about.contains("('sample', 'time', 'v1_channel', 'v1_row', 'v1_column') (3, 5, 6, 8, 8)"), "{about}");
    for expected in ["0.0", "8.0", "4", "9", "2"] {
        assert!(about.contains(expected), "{about}");
    }
    let table = results.table(ResultTable::Steps).unwrap();
    let expected: Vec<f64> =
        table.column("v1_response_avg").unwrap().numbers().unwrap()[15..].iter().flatten().copied().collect();
    let found: Vec<f64> = means.split(' ').map(|x| x.parse().unwrap()).collect();
    assert_eq!(found.len(), expected.len());
    for (a, b) in found.iter().zip(expected) {
        assert!((a - b).abs() < 1e-5 * b.max(1e-3), "{a} {b}");
    }
}
