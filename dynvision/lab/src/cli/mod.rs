//! The command line: one file a command, each a thin call of the library.

mod completions;
mod config;
mod data;
mod experiment;
mod figure;
mod models;
mod new;
mod output;
mod profile;
mod report;
mod select;
mod status;
mod stop;
mod summary;
mod sweep;
mod test;
mod train;
mod weights;
mod wiring;

use crate::lab_error::LabError;
use crate::models::Models;
use crate::sets::Sets;
use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};
use output::Outcome;
use std::path::Path;
use std::process::ExitCode;

/// Recurrent vision networks: from a declared model to a figure.
#[derive(Debug, Parser)]
#[command(version, about, arg_required_else_help = true, subcommand_required = true)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
    /// Prints what came of it as JSON, for machines.
    #[arg(long, global = true)]
    json: bool,
    /// Says nothing meanwhile.
    #[arg(long, short, global = true)]
    quiet: bool,
    /// Trains and tests there: `cpu`, or `cuda:0` of a program with the feature `cuda`. Experiments run on the CPU.
    #[arg(long, global = true, value_name = "NAME", default_value = "cpu")]
    device: String,
}

#[derive(Debug, Subcommand)]
enum Command {
    Models(models::Args),
    Data(data::Args),
    Summary(summary::Args),
    Wiring(wiring::Args),
    Config(config::Args),
    Train(train::Args),
    Test(test::Args),
    Experiment(experiment::Args),
    Figure(figure::Args),
    Report(report::Args),
    Status(status::Args),
    Sweep(sweep::Args),
    Profile(profile::Args),
    Weights(weights::Args),
    New(new::Args),
    Completions(completions::Args),
}

/// What commands work with.
struct Context<'a> {
    models: &'a Models,
    sets: &'a Sets,
    quiet: bool,
    /// What trains and tests.
    device: &'a str,
    /// What the program is called.
    program: &'a str,
}

impl Command {
    fn run(&self, cx: &Context<'_>) -> Result<Outcome, LabError> {
        match self {
            Command::Models(args) => args.run(cx),
            Command::Data(args) => args.run(cx),
            Command::Summary(args) => args.run(cx),
            Command::Wiring(args) => args.run(cx),
            Command::Config(args) => args.run(cx),
            Command::Train(args) => args.run(cx),
            Command::Test(args) => args.run(cx),
            Command::Experiment(args) => args.run(cx),
            Command::Figure(args) => args.run(cx),
            Command::Report(args) => args.run(cx),
            Command::Status(args) => args.run(cx),
            Command::Sweep(args) => args.run(cx),
            Command::Profile(args) => args.run(cx),
            Command::Weights(args) => args.run(cx),
            Command::New(args) => args.run(cx),
            Command::Completions(args) => args.run(cx),
        }
    }
}

/// The commands, with the examples of their help under the name of this program.
fn command(name: &str) -> clap::Command {
    fn renamed(command: clap::Command, name: &str) -> clap::Command {
        let command = match command.get_after_help() {
            Some(help) => {
                let text = help.to_string().replace("  dynvision ", &format!("  {name} "));
                command.after_help(text)
            }
            None => command,
        };
        command.mut_subcommands(|sub| renamed(sub, name))
    }
    renamed(Arguments::command().name(name.to_string()).bin_name(name), name)
}

/// Does what the command line of the process says.
pub(crate) fn main(models: &Models, sets: &Sets, wrong: Option<LabError>) -> ExitCode {
    let program = std::env::args_os().next().unwrap_or_default();
    let name = Path::new(&program).file_stem().map_or("dynvision".into(), |stem| stem.to_string_lossy().into_owned());
    let parsed = command(&name).try_get_matches().and_then(|matches| Arguments::from_arg_matches(&matches));
    let arguments = match parsed {
        Ok(arguments) => arguments,
        Err(error) => {
            let _ = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
        }
    };
    let cx = Context { models, sets, quiet: arguments.quiet, device: &arguments.device, program: &name };
    let outcome = wrong.map_or_else(|| arguments.command.run(&cx), Err);
    output::print(outcome, arguments.json, arguments.quiet)
}
