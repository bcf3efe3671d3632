//! The modules of this crate and of its macro in layers: each uses those below it, and no other.

use std::collections::BTreeMap;
use std::path::Path;
use std::{fs, io};

/// From the lowest to the highest. What stands in one entry may not use each other.
const LAYERS: &[&[&str]] = &[
    &["error", "pickle"],
    &["geometry", "file"],
    &["kernels", "check", "time", "plot"],
    &["autograd"],
    &["parameters", "ops"],
    &["summary", "unroll", "optim"],
    &["nn"],
    &["model"],
    &["loss", "stream", "interop"],
    &["data", "protocol", "profile"],
    &["train"],
    &["device", "zoo", "prelude"],
];

/// What generated code is made of names all of them, and macros name what they expand to.
const OUTSIDE: &[&str] = &["lib", "__private", "missing", "layers"];

/// The layers of `dynvision-macros`.
const LAYERS_OF_THE_MACRO: &[&[&str]] = &[
    &["case", "errors", "keys", "rule", "span", "suggest"],
    &["model", "operations"],
    &["generate", "parse"],
    &["validate"],
];

/// The modules that each module names, outside of its tests and comments.
fn uses(folder: &Path, of: Option<&str>, found: &mut BTreeMap<String, Vec<(String, String)>>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let stem = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let module = of.unwrap_or(&stem);
        if path.is_dir() {
            uses(&path, Some(module), found)?;
        } else if path.extension().is_some_and(|extension| extension == "rs") && stem != "tests" {
            let text = fs::read_to_string(&path)?;
            let code = text.split("#[cfg(test)]\nmod").next().unwrap_or_default();
            let code = code.split("#[cfg(test)]\n#[allow").next().unwrap_or_default();
            let lines: Vec<&str> = code.lines().filter(|line| !line.trim_start().starts_with("//")).collect();
            let names = found.entry(module.to_owned()).or_default();
            names.extend(named(&lines.join("\n")).into_iter().map(|name| (name, path.display().to_string())));
        }
    }
    Ok(())
}

/// What follows each `crate::`: a name, or those in braces. What a macro by example expands to (`$crate::`) is not counted.
fn named(code: &str) -> Vec<String> {
    let name = |text: &str| text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect::<String>();
    let mut names = Vec::new();
    for (at, path) in code.match_indices("crate::").filter(|(at, _)| !code[..*at].ends_with('$')) {
        let rest = &code[at + path.len()..];
        let Some(group) = rest.strip_prefix('{') else {
            names.push(name(rest));
            continue;
        };
        let mut depth = 1;
        names.push(name(group.trim_start()));
        for (at, c) in group.char_indices() {
            match c {
                '{' => depth += 1,
                '}' => depth -= 1,
                ',' if depth == 1 => names.push(name(group[at + 1..].trim_start())),
                _ => {}
            }
            if depth == 0 {
                break;
            }
        }
    }
    names.retain(|name| !name.is_empty());
    names
}

/// What is wrong with the modules of a crate in these layers.
fn faults(source: &Path, layers: &[&[&str]]) -> io::Result<Vec<String>> {
    let mut found = BTreeMap::new();
    uses(source, None, &mut found)?;
    let layer = |module: &str| layers.iter().position(|layer| layer.contains(&module));
    let modules = found.keys().filter(|module| !OUTSIDE.contains(&module.as_str()));
    let mut faults: Vec<_> = modules.filter(|module| layer(module).is_none()).cloned().collect();
    faults.iter_mut().for_each(|module| *module = format!("`{module}` has no layer"));
    let gone = layers.iter().flat_map(|layer| layer.iter()).filter(|module| !found.contains_key(**module));
    faults.extend(gone.map(|module| format!("`{module}` has a layer, and is no module")));
    for (module, used) in &found {
        for (name, file) in used {
            if let (Some(own), Some(other)) = (layer(module), layer(name))
                && module != name
                && other >= own
            {
                faults.push(format!("{file} uses `{name}`, which is not below `{module}`"));
            }
        }
    }
    Ok(faults)
}

#[test]
fn every_module_uses_those_below_it_alone() -> io::Result<()> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    assert_eq!(faults(&here.join("src"), LAYERS)?, [""; 0]);
    assert_eq!(faults(&here.join("../dynvision-macros/src"), LAYERS_OF_THE_MACRO)?, [""; 0]);
    Ok(())
}

#[test]
fn names_are_read_from_paths_and_braces() {
    let code = "use crate::a::b;\nuse crate::{\n    c::{d, e},\n    f,\n    g as h,\n};\nfn i() { crate::j::k(); $crate::l!() }";
    assert_eq!(named(code), ["a", "c", "f", "g", "j"]);
}
