//! `sweep`.

use super::Context;
use super::output::{Outcome, columns};
use super::select::Folder;
use super::stop::on_signal;
use crate::lab_error::LabError;
use crate::report::Grid;
use crate::run::Place;
use crate::study::{Finding, Judged, Study};
use crate::sweep::{Job, Speed, Sweep};
use clap::Subcommand;
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::Ordering;
use std::time::Duration;

/// Plans and runs grids of runs.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  dynvision sweep plan sweep.toml\n  dynvision sweep run sweep.toml --jobs 2")]
pub(super) struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Lists the jobs with the time and memory that they take; nothing is run.
    #[command(after_help = "Example:\n  dynvision sweep plan sweep.toml --json")]
    Plan {
        /// The file of the sweep.
        file: PathBuf,
        #[command(flatten)]
        folder: Folder,
        /// Measures nothing: the jobs alone.
        #[arg(long)]
        no_estimate: bool,
    },
    /// Runs the jobs; one that fails does not stop the others, and what is done is not done again.
    #[command(after_help = "Example:\n  dynvision sweep run sweep.toml --jobs 2")]
    Run {
        /// The file of the sweep.
        file: PathBuf,
        #[command(flatten)]
        folder: Folder,
        /// So many at once, each a process with its share of the cores.
        #[arg(long, short, default_value_t = 1)]
        jobs: usize,
        /// This job alone, by its number, in this process.
        #[arg(long)]
        job: Option<usize>,
        /// Of that job only `data`, `train`, `test` or `experiment=NAME`.
        #[arg(long, requires = "job", value_name = "PART")]
        only: Option<String>,
    },
    /// Draws the figures of an experiment over all jobs; makes what is missing.
    #[command(after_help = "Example:\n  dynvision sweep figure sweep.toml contrast")]
    Figure {
        /// The file of the sweep.
        file: PathBuf,
        /// The experiment.
        experiment: String,
        #[command(flatten)]
        folder: Folder,
    },
    /// Says of each claim of a file whether it is seen in the jobs, with effect size and interval; makes what is missing.
    #[command(after_help = "Example:\n  dynvision sweep findings sweep.toml findings.toml")]
    Findings {
        /// The file of the sweep.
        file: PathBuf,
        /// The file of the claims; that which the sweep names without it.
        findings: Option<PathBuf>,
        #[command(flatten)]
        folder: Folder,
    },
    /// Writes the report over all jobs; makes what is missing.
    #[command(after_help = "Example:\n  dynvision sweep report sweep.toml --out report.html")]
    Report {
        /// The file of the sweep.
        file: PathBuf,
        /// The file; `study/report.html` in the folder of runs without it.
        #[arg(long)]
        out: Option<PathBuf>,
        /// Its title.
        #[arg(long)]
        title: Option<String>,
        #[command(flatten)]
        folder: Folder,
    },
}

impl Args {
    pub(super) fn run(&self, cx: &Context<'_>) -> Result<Outcome, LabError> {
        match &self.what {
            What::Plan { file, folder, no_estimate } => {
                let place = folder.place(cx);
                study(file, &place)?;
                plan(&Sweep::read(file)?.jobs(&place)?, *no_estimate)
            }
            What::Figure { file, experiment, folder } => {
                let place = folder.place(cx);
                let study = study(file, &place)?;
                let known = study.experiments()?;
                let names = known.iter().map(|named| named.name.as_str());
                let named = known.iter().find(|named| named.name == *experiment);
                let named = named.ok_or_else(|| crate::Error::unknown("experiment of the sweep", experiment, names))?;
                let written = study.draw(named, &named.experiment.figures, &on_signal())?;
                let text: Vec<String> = written.iter().map(|path| path.display().to_string()).collect();
                Ok(Outcome::new(text.join("\n"), json!({ "figures": written })))
            }
            What::Findings { file, findings, folder } => {
                let place = folder.place(cx);
                let mut study = study(file, &place)?;
                if let Some(findings) = findings {
                    study.findings = Finding::read(findings)?;
                }
                if study.findings.is_empty() {
                    return Err(LabError::Usage(format!(
                        "`{}` names no `findings`; name their file in it, or after it",
                        file.display()
                    )));
                }
                let judged = study.judge(&study.findings, &on_signal())?;
                let Grid { head, rows, .. } = Judged::grid(&judged);
                let rows: Vec<_> = std::iter::once(head).chain(rows).collect();
                Ok(Outcome::new(columns(&rows), json!(judged)))
            }
            What::Report { file, out, title, folder } => {
                let place = folder.place(cx);
                super::report::write(&study(file, &place)?, title.as_deref(), out.as_deref())
            }
            What::Run { file, folder, jobs, job, only } => {
                let place = folder.place(cx);
                let all = Sweep::read(file)?.jobs(&place)?;
                if *jobs == 0 {
                    return Err(LabError::Usage("`--jobs 0` runs nothing; give at least 1".into()));
                }
                if job.is_none() {
                    // claims that cannot be judged are told before hours of work
                    study(file, &place)?;
                }
                match job {
                    Some(number) => {
                        let count = all.len();
                        let job = all.get(*number).ok_or_else(|| {
                            LabError::Usage(format!("there is no job {number}: the sweep has jobs 0 to {}", count - 1))
                        })?;
                        part(job, only.as_deref())?;
                        let text = format!("{}: done", job.run.name());
                        Ok(Outcome::new(text, json!({ "job": number, "run": job.run.folder() })))
                    }
                    None => run(&place, &all, file, *jobs),
                }
            }
        }
    }
}

/// The jobs of a file as a study, with its claims.
fn study<'a>(file: &Path, place: &'a Place<'a>) -> Result<Study<'a>, LabError> {
    let sweep = Sweep::read(file)?;
    let findings = sweep.findings.as_deref().map(Finding::read).transpose()?.unwrap_or_default();
    let runs = sweep.jobs(place)?.into_iter().map(|job| job.run).collect();
    let study = Study { findings, ..Study::new(runs, Some(&place.runs.join("study"))) };
    study.check(&study.findings)?;
    Ok(study)
}

/// Does a part of a job, or all of it.
fn part(job: &Job<'_>, only: Option<&str>) -> Result<(), LabError> {
    match only {
        None => job.work(&on_signal()),
        Some("data") => job.run.test_images().map(|_| ()),
        Some("train") => job.run.train().map(|_| ()),
        Some("test") => job.run.test().map(|_| ()),
        Some(part) => {
            let known = job.experiments()?;
            let named = part.strip_prefix("experiment=").and_then(|name| known.iter().find(|named| named.name == name));
            let named = named.ok_or_else(|| {
                let names = known.iter().map(|named| format!("experiment={}", named.name));
                let all: Vec<String> =
                    ["data".into(), "train".into(), "test".into()].into_iter().chain(names).collect();
                crate::Error::unknown("part of the job", part, all.iter().map(String::as_str))
            })?;
            job.run.experiment(named, &on_signal()).map(|_| ())
        }
    }
}

fn time(seconds: f64) -> String {
    match seconds {
        s if s < 100. => format!("{s:.0} s"),
        s if s < 6000. => format!("{:.0} min", s / 60.),
        s => format!("{:.1} h", s / 3600.),
    }
}

fn plan(jobs: &[Job<'_>], no_estimate: bool) -> Result<Outcome, LabError> {
    let speed = match jobs.first() {
        Some(first) if !no_estimate => Some(Speed::measured(&first.run)?),
        _ => None,
    };
    let mut rows = vec![["job", "run", "state", "training", "experiments", "memory"].map(String::from).to_vec()];
    let (mut list, mut total, mut most) = (Vec::new(), 0., 0_f64);
    for job in jobs {
        let done = job.is_done()?;
        let estimate = speed.map(|speed| speed.estimate(job)).transpose()?;
        let cell = |of: &dyn Fn(&crate::sweep::Estimate) -> String| estimate.as_ref().map_or(String::new(), of);
        rows.push(vec![
            job.number.to_string(),
            job.run.name(),
            if done { "done" } else { "to do" }.into(),
            cell(&|e| time(e.train)),
            cell(&|e| time(e.experiments)),
            cell(&|e| format!("{:.0} MB", e.memory / 1e6)),
        ]);
        total += estimate.map_or(0., |e| e.train + e.experiments);
        most = most.max(estimate.map_or(0., |e| e.memory));
        let names: Vec<String> = job.experiments()?.into_iter().map(|named| named.name).collect();
        list.push(json!({ "job": job.number, "run": job.run.folder(), "name": job.run.name(), "done": done,
                          "category": job.run.category(), "seed": job.run.config.settings.seed,
                          "model": job.run.config.settings.model, "experiments": names,
                          "data": job.run.config.settings.data.name, "estimate": estimate }));
    }
    let mut text = columns(&rows);
    if let Some(speed) = speed {
        let _ = write!(
            text,
            "\n{} jobs; about {} one after the other, up to {:.0} MB each (measured now: {:.2e} multiplications a second)",
            jobs.len(),
            time(total),
            most / 1e6,
            speed.multiplications
        );
    }
    let json = json!({ "jobs": list, "seconds": speed.map(|_| total), "speed": speed });
    Ok(Outcome::new(text, json))
}

struct Started {
    number: usize,
    name: String,
    child: Child,
    log: PathBuf,
}

fn run(place: &Place<'_>, jobs: &[Job<'_>], file: &Path, at_once: usize) -> Result<Outcome, LabError> {
    let program =
        std::env::current_exe().map_err(|error| LabError::Failed(format!("cannot find this program: {error}")))?;
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let threads = (cores / at_once).max(1).to_string();
    let logs = place.runs.join("logs");
    std::fs::create_dir_all(&logs).map_err(LabError::file("make the folder", &logs))?;
    let stop = on_signal();
    let mut left: Vec<&Job<'_>> = Vec::new();
    for job in jobs.iter().rev() {
        if !job.is_done()? {
            left.push(job);
        }
    }
    let known = jobs.len() - left.len();
    let (mut running, mut failed, mut done): (Vec<Started>, Vec<Value>, usize) = (Vec::new(), Vec::new(), known);
    let say = |text: String| {
        if !place.quiet {
            let _ = writeln!(std::io::stderr(), "{text}");
        }
    };
    if known > 0 {
        say(format!("{known} of {} jobs are done already", jobs.len()));
    }
    let mut told = false;
    loop {
        let stopped = stop.load(Ordering::Relaxed);
        while !stopped && running.len() < at_once {
            let Some(job) = left.pop() else { break };
            let log = logs.join(format!("{}.log", job.run.name()));
            let output = std::fs::File::create(&log).map_err(LabError::file("write", &log))?;
            let errors = output.try_clone().map_err(LabError::file("write", &log))?;
            let child = Command::new(&program)
                .args(["sweep", "run", "--device", &place.device, "--job", &job.number.to_string(), "--runs"])
                .arg(&place.runs)
                .arg(file)
                .env("RAYON_NUM_THREADS", &threads)
                .stdin(Stdio::null())
                .stdout(output)
                .stderr(errors)
                .spawn()
                .map_err(|error| LabError::Failed(format!("cannot start a job: {error}")))?;
            say(format!("job {} begins: {}", job.number, job.run.name()));
            running.push(Started { number: job.number, name: job.run.name(), child, log });
        }
        if stopped && !told {
            // a terminal has told them as well; a second signal would end them at once
            told = true;
            say(format!("stopping: {} jobs end after what is in hand", running.len()));
        }
        let mut still = Vec::new();
        for mut job in running {
            match job.child.try_wait() {
                Ok(None) => still.push(job),
                Ok(Some(status)) if status.success() => {
                    done += 1;
                    say(format!("job {} is done: {} ({done}/{})", job.number, job.name, jobs.len()));
                }
                ended => {
                    let text = std::fs::read_to_string(&job.log).unwrap_or_default();
                    let said = text.lines().rev().find(|line| line.starts_with("error")).map(String::from);
                    let why = said.unwrap_or_else(|| format!("it ended by {ended:?}"));
                    say(format!("job {} failed: {}: {why}", job.number, job.name));
                    failed.push(json!({ "job": job.number, "run": job.name, "why": why, "log": job.log }));
                }
            }
        }
        running = still;
        if running.is_empty() && (left.is_empty() || stopped) {
            break;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    let text = format!("{done} of {} jobs are done", jobs.len());
    if stop.load(Ordering::Relaxed) {
        return Err(LabError::Failed(format!("stopped: {text}; the same command goes on")));
    }
    if !failed.is_empty() {
        let list: Vec<String> =
            failed.iter().map(|f| format!("{}: {} (log: {})", f["run"], f["why"], f["log"])).collect();
        return Err(LabError::Failed(format!("{text}, {} failed:\n{}", failed.len(), list.join("\n"))));
    }
    Ok(Outcome::new(text, json!({ "done": done, "jobs": jobs.len() })))
}
