//! The commands and the TOML of the pages, and the examples of `--help`, run as they stand there, on few images.

use crate::program::{done, err, out};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

/// Lines of the pages that are not the program's, or need what is not here; and who runs them.
const ELSEWHERE: &[(&str, &str)] = &[
    ("cargo run --release -p dynvision-examples --example train_digits", "examples/lab/tests/programs.rs runs it"),
    ("cargo run --release --example profile -- --model dyrcnn-x4 --batch 16 --steps 20 --threads 2", "an example"),
    ("cargo test --workspace", "it is this"),
    (
        "snakemake -s workflow/Snakefile --profile workflow/profiles/local --config sweep=sweep.toml \
         program=target/release/my-lab",
        "needs Snakemake: ci/workflow.sh runs it",
    ),
    ("cargo build --release --features cuda", "needs the toolkit of CUDA"),
    ("cargo clippy --all-targets --features ci-check", "needs time: it checks the whole workspace"),
    ("cargo test --features cudnn --test ops --test goldens --test cuda", "needs a GPU"),
    ("ci/cuda.sh", "needs the toolkit of CUDA, and time of its own"),
    ("python3 benches/compare.py --json compare.json --plot compare.svg", "needs the original in Python"),
    ("python3 benches/compare.py --only 'x4/full/32/b16'", "needs the original in Python"),
    ("python3 benches/compare.py --table compare.json", "needs the original in Python"),
    ("python3 benches/kernels.py", "needs PyTorch"),
    ("cargo run --release -p dynvision-benches --bin loader -- photographs FOLDER", "a benchmark"),
    ("cargo run --release -p dynvision-benches --bin loader -- read FOLDER 2", "a benchmark"),
    ("cargo run --release -p dynvision-benches --bin loader -- train FOLDER 2", "a benchmark"),
    ("cargo run --release -p dynvision-benches --bin loader -- large FILE", "a benchmark that writes 5 GB"),
    ("python3 benches/loader.py FOLDER 2", "needs torchvision, or PIL"),
    (
        "cargo run --release --example reproduction -- sweep run dynvision/lab/workflow/reproduction/sweep.toml --jobs 2 \
         --runs runs/reproduction",
        "takes more than an hour",
    ),
    (
        "cargo run --release --example reproduction -- sweep report dynvision/lab/workflow/reproduction/sweep.toml --runs \
         runs/reproduction",
        "needs what the line before it makes",
    ),
    (
        "RUSTC_BOOTSTRAP=1 RUSTFLAGS=-Zsanitizer=address CARGO_TARGET_DIR=target/asan cargo test -p dynvision-kernels \
         --target x86_64-unknown-linux-gnu",
        "needs the sanitizer",
    ),
    (
        "valgrind --error-exitcode=9 PATH/TO/dynvision_kernels-* --test-threads=1",
        "needs valgrind, and a path that each build chooses",
    ),
    (
        "CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER=aarch64-linux-gnu-gcc PROPTEST_CASES=20 \
         CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_RUNNER=\"qemu-aarch64 -L /usr/aarch64-linux-gnu\" \
         cargo test -p dynvision-kernels --target aarch64-unknown-linux-gnu",
        "needs a linker and an emulator for another processor",
    ),
];

/// Examples of `--help` that need what is not here.
const NEEDS_FILES: &[(&str, &str)] = &[
    ("dynvision data cifar10 --folder ~/cifar10", "needs CIFAR-10; cli/lists.rs reads folders"),
    ("dynvision weights import dyrcnn-x4 model.pt --out dyrcnn-x4.safetensors", "needs a file that PyTorch wrote"),
];

/// What makes everything small; all else is as it stands in the files and on the command lines.
const SMALL: [(&str, &str); 8] = [
    ("DYNVISION_DATA__TRAIN", "32"),
    ("DYNVISION_DATA__TEST", "10"),
    ("DYNVISION_TRAIN__EPOCHS", "1"),
    ("DYNVISION_TRAIN__STEPS", "4"),
    ("DYNVISION_TRAIN__BATCH_SIZE", "16"),
    ("DYNVISION_EXPERIMENTS__NAMES", "short.toml"),
    ("DYNVISION_EXPERIMENTS__IMAGES", "2"),
    ("DYNVISION_EXPERIMENTS__BATCH", "2"),
];

/// The experiment of `SMALL`.
const SHORT: &str = "about = \"a look\"\nmeasures = [\"response_avg\", \"accuracy\"]\nfigures = [\"responses\"]\n\
                     protocol = { repetition = { total = 4 } }\n";

/// A fenced block: its language, the line it begins at, its text.
struct Block {
    language: String,
    line: usize,
    text: String,
}

fn blocks(page: &str) -> Vec<Block> {
    let mut all: Vec<Block> = Vec::new();
    let mut open = false;
    for (number, line) in page.lines().enumerate() {
        match (line.strip_prefix("```"), open) {
            (Some(language), false) => {
                open = true;
                all.push(Block { language: language.trim().into(), line: number + 2, text: String::new() });
            }
            (Some(_), true) => open = false,
            (None, true) => {
                let block = all.last_mut().unwrap();
                block.text.push_str(line);
                block.text.push('\n');
            }
            (None, false) => {}
        }
    }
    assert!(!open, "a block that does not end");
    all
}

/// The commands of a block: of `console` those after a `$`, without comments, with continued lines joined.
fn commands(block: &Block) -> Vec<String> {
    let console = block.language == "console";
    if !console && block.language != "sh" {
        return Vec::new();
    }
    let joined = block.text.replace("\\\n", " ");
    let lines = joined.lines().filter_map(|line| if console { line.strip_prefix("$ ") } else { Some(line) });
    let bare = lines.map(|line| line.split(" #").next().unwrap_or_default());
    bare.map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).filter(|line| !line.is_empty()).collect()
}

/// The pages with their paths from the root.
fn pages() -> Vec<(PathBuf, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut paths = vec![PathBuf::from("README.md"), PathBuf::from("dynvision/lab/template/README.md")];
    let mut folders = vec![PathBuf::from("docs")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(root.join(&folder)).unwrap() {
            let path = folder.join(entry.unwrap().file_name());
            if root.join(&path).is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "md") {
                paths.push(path);
            }
        }
    }
    paths.sort();
    paths.into_iter().map(|path| (path.clone(), std::fs::read_to_string(root.join(path)).unwrap())).collect()
}

/// A shell in a folder, which finds the program by its name.
fn shell(folder: &Path, home: &Path, line: &str) -> std::process::Output {
    let program = Path::new(env!("CARGO_BIN_EXE_dynvision"));
    let mut paths = vec![program.parent().unwrap().to_path_buf()];
    paths.extend(std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default()));
    let mut shell = Command::new("sh");
    shell.args(["-c", line]).current_dir(folder).env("PATH", std::env::join_paths(paths).unwrap()).env("HOME", home);
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("DYNVISION_")) {
        shell.env_remove(name);
    }
    shell.envs(SMALL).output().unwrap()
}

/// A line that is the program's, as it is called by its name.
fn program_line(line: &str) -> Option<String> {
    let own = ["cargo run --release --bin dynvision -- ", "cargo run --release -- ", "dynvision "];
    own.iter().find_map(|begins| line.strip_prefix(begins)).map(|rest| format!("dynvision {rest}"))
}

/// The program has the zoo's models, and a new laboratory its own: `ci/new.sh` builds one. Two seeds are enough here.
fn with_models_of_the_zoo(laboratory: &Path) {
    std::fs::write(laboratory.join("short.toml"), SHORT).unwrap();
    for name in ["lab.toml", "sweep.toml"] {
        let text = std::fs::read_to_string(laboratory.join(name)).unwrap();
        assert!(text.contains("my-net"), "{name}");
        let text = text.replace("my-net", "dyrcnn-x2-28").replace("seed = [0, 1, 2]", "seed = [0, 1]");
        std::fs::write(laboratory.join(name), text).unwrap();
    }
}

#[test]
fn the_commands_of_the_pages_do_what_they_say() {
    let mut elsewhere: BTreeSet<&str> = ELSEWHERE.iter().map(|(line, _)| *line).collect();
    let mut ran = 0;
    for (page, text) in pages() {
        let temporary = tempfile::tempdir().unwrap();
        // where the checkout would be, so that `../my-lab` is in the temporary folder as well
        let mut here = temporary.path().join("dynvision");
        std::fs::create_dir(&here).unwrap();
        if page.ends_with("template/README.md") {
            done(temporary.path(), &["new", "my-lab"]);
            here = temporary.path().join("my-lab");
            with_models_of_the_zoo(&here);
        }
        for block in blocks(&text) {
            for line in commands(&block) {
                let at = format!("{}:{}: `{line}`", page.display(), block.line);
                if let Some(folder) = line.strip_prefix("cd ") {
                    here = here.join(folder).canonicalize().unwrap_or_else(|error| panic!("{at}: {error}"));
                } else if let Some(line) = program_line(&line) {
                    let output = shell(&here, temporary.path(), &line);
                    assert!(output.status.success(), "{at}: {}{}", out(&output), err(&output));
                    if let Some(laboratory) = line.strip_prefix("dynvision new ") {
                        with_models_of_the_zoo(&here.join(laboratory));
                    }
                    ran += 1;
                } else {
                    let listed = ELSEWHERE.iter().find(|(listed, _)| *listed == line);
                    let (listed, _) =
                        listed.unwrap_or_else(|| panic!("{at} is neither run here nor known to be run elsewhere"));
                    elsewhere.remove(listed);
                }
            }
        }
    }
    assert!(elsewhere.is_empty(), "no page has these lines any more: {elsewhere:?}");
    assert!(ran > 15, "only {ran} lines were run");
}

#[test]
fn the_toml_of_the_pages_is_read() {
    let mut kinds = BTreeSet::new();
    for (page, text) in pages() {
        for block in blocks(&text).into_iter().filter(|block| block.language.split(',').any(|word| word == "toml")) {
            let at = format!("{}:{}", page.display(), block.line);
            let table: toml::Table = toml::from_str(&block.text).unwrap_or_else(|error| panic!("{at}: {error}"));
            let has = |key: &str| table.contains_key(key);
            let temporary = tempfile::tempdir().unwrap();
            let here = temporary.path();
            std::fs::write(here.join("short.toml"), SHORT).unwrap();
            std::fs::write(here.join("lab.toml"), "model = \"simple-8\"\ndata.name = \"digits\"\n").unwrap();
            let run = |line: &str| {
                let output = shell(here, here, line);
                assert!(output.status.success(), "{at}: `{line}`: {}{}", out(&output), err(&output));
                out(&output)
            };
            if has("dependencies") {
                let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../Cargo.toml");
                let root: toml::Table = toml::from_str(&std::fs::read_to_string(root).unwrap()).unwrap();
                let ours = &root["workspace"]["dependencies"]["dfdx"];
                let ours = ours.get("version").unwrap_or(ours);
                assert_eq!(table["dependencies"]["dfdx"], *ours, "{at}: another dfdx than the library's");
                kinds.insert("manifest");
            } else if has("grid") {
                std::fs::write(here.join("sweep.toml"), block.text.replace("my-net", "dyrcnn-x2-28")).unwrap();
                std::fs::write(here.join("lab.toml"), "data.name = \"mnist5k\"\n").unwrap();
                let plan = run("dynvision sweep plan sweep.toml --no-estimate --json");
                let plan: serde_json::Value = serde_json::from_str(&plan).unwrap();
                let sizes = table["grid"].as_table().unwrap().values().map(|values| values.as_array().unwrap().len());
                assert_eq!(plan["jobs"].as_array().unwrap().len(), sizes.product::<usize>(), "{at}");
                kinds.insert("sweep");
            } else if has("measures") || has("vary") {
                std::fs::write(here.join("mine.toml"), &block.text).unwrap();
                let made = run("dynvision experiment run mine.toml --json");
                let made: serde_json::Value = serde_json::from_str(&made).unwrap();
                let sizes = table["vary"].as_table().unwrap().values().map(|values| values.as_array().unwrap().len());
                assert_eq!(made[0]["conditions"], sizes.product::<usize>(), "{at}: {made}");
                kinds.insert("experiment");
            } else if has("finding") {
                panic!("{at}: claims are of the runs of a sweep; have this test run the sweep that they are of");
            } else {
                std::fs::write(here.join("given.toml"), &block.text).unwrap();
                run("dynvision config show --config given.toml --model simple-8 --data digits");
                kinds.insert("settings");
            }
        }
    }
    for kind in ["manifest", "sweep", "experiment", "settings"] {
        assert!(kinds.contains(kind), "no page has a {kind}; there are {kinds:?}");
    }
}

/// The examples of a command's help, and of its subcommands'.
fn examples(folder: &Path, command: &[&str], all: &mut Vec<String>) {
    let help = done(folder, &[command, &["--help"]].concat());
    let after = |title: &str| {
        let lines = help.lines().skip_while(move |line| *line != title).skip(1);
        lines.take_while(|line| line.starts_with("  ")).map(String::from).collect::<Vec<_>>()
    };
    let lines = [after("Example:"), after("Examples:")].concat();
    all.extend(lines.iter().map(|line| line.trim().to_string()));
    for line in after("Commands:").iter().filter(|line| !line.starts_with("   ")) {
        let name = line.split_whitespace().next().unwrap();
        if name != "help" {
            examples(folder, &[command, &[name]].concat(), all);
        }
    }
}

#[test]
fn the_examples_of_help_do_what_they_say() {
    let temporary = tempfile::tempdir().unwrap();
    let home = temporary.path();
    let here = home.join("laboratory");
    std::fs::create_dir_all(home.join(".local/share/bash-completion/completions")).unwrap();
    std::fs::create_dir(&here).unwrap();
    crate::folder::pictures(&home.join("photographs"), 2, 5);
    let write = |name: &str, text: &str| std::fs::write(here.join(name), text).unwrap();
    write("lab.toml", "model = \"simple-8\"\ndata.name = \"digits\"\n[profile.quick.train]\nepochs = 1\n");
    write("short.toml", SHORT);
    write(
        "sweep.toml",
        "config = \"lab.toml\"\nexperiments = [\"contrast\"]\n[grid]\nmodel = [\"simple-8\"]\nseed = [0, 1]\n",
    );
    write(
        "findings.toml",
        "[[finding]]\nclaim = \"it answers\"\nexperiment = \"contrast\"\nmeasure = \"response_avg\"\narea = \"layer1\"\n\
         statistic = \"mean\"\ncategory = \"\"\nis = \"higher\"\nthan_value = 0.0\n",
    );
    let run = |line: &str| {
        let begun = Instant::now();
        let output = shell(&here, home, line);
        assert!(output.status.success(), "`{line}`: {}{}", out(&output), err(&output));
        assert!(begun.elapsed() < Duration::from_secs(120), "`{line}` took long for what it has to do");
        out(&output)
    };
    run("dynvision sweep run sweep.toml --quiet");
    let plan: serde_json::Value =
        serde_json::from_str(&run("dynvision sweep plan sweep.toml --json --no-estimate")).unwrap();
    let first = plan["jobs"][0]["run"].as_str().unwrap();
    let category = plan["jobs"][0]["category"].as_str().unwrap();
    let claims = std::fs::read_to_string(here.join("findings.toml")).unwrap();
    write("findings.toml", &claims.replace("category = \"\"", &format!("category = \"{category}\"")));
    for (name, job) in [("a", 0), ("b", 1)] {
        let weights = here.join(plan["jobs"][job]["run"].as_str().unwrap()).join("checkpoints/last.safetensors");
        std::fs::copy(weights, here.join(format!("{name}.safetensors"))).unwrap();
    }

    let mut all = Vec::new();
    examples(&here, &[], &mut all);
    let mut needs: BTreeSet<&str> = NEEDS_FILES.iter().map(|(line, _)| *line).collect();
    let mut seen = BTreeSet::new();
    for line in all {
        if let Some((listed, _)) = NEEDS_FILES.iter().find(|(listed, _)| *listed == line) {
            needs.remove(listed);
        } else if seen.insert(line.clone()) {
            // what is a user's own is what was made above
            let line = line.replace("runs/my-net-mnist5k-s0-1a2b3c4d", first);
            let line = line.replace("runs/a/checkpoints/last.safetensors", "a.safetensors");
            let of_weights = line.starts_with("dynvision weights ");
            run(&if of_weights || line.starts_with("dynvision profile ") {
                line.replace("dyrcnn-x4", "simple-8")
            } else {
                line
            });
        }
    }
    assert!(needs.is_empty(), "no help has these examples any more: {needs:?}");
    assert!(seen.len() > 25, "only {} examples were run", seen.len());
    for made in ["mine.toml", "wiring.svg", "theirs.safetensors", "report.html", "figures", "../my-lab/lab.toml"] {
        assert!(here.join(made).exists(), "{made} was not made");
    }
}
