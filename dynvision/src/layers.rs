//! The modules of this crate in layers: each uses those below it, and no other.

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
            for line in code.lines().filter(|line| !line.trim_start().starts_with("//")) {
                for rest in line.split("crate::").skip(1).filter(|_| !line.contains("$crate::")) {
                    let name: String = rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
                    found.entry(module.to_owned()).or_default().push((name, path.display().to_string()));
                }
            }
        }
    }
    Ok(())
}

#[test]
fn every_module_uses_those_below_it_alone() -> io::Result<()> {
    let mut found = BTreeMap::new();
    uses(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), None, &mut found)?;
    let layer = |module: &str| LAYERS.iter().position(|layer| layer.contains(&module));
    let modules = found.keys().filter(|module| !OUTSIDE.contains(&module.as_str()));
    let unknown: Vec<_> = modules.filter(|module| layer(module).is_none()).collect();
    assert!(unknown.is_empty(), "modules without a layer: {unknown:?}");
    assert!(found.len() > 20, "the sources were read");
    let mut up = Vec::new();
    for (module, used) in &found {
        for (name, file) in used {
            if let (Some(own), Some(other)) = (layer(module), layer(name))
                && module != name
                && other >= own
            {
                up.push(format!("{file} uses `{name}`, which is not below `{module}`"));
            }
        }
    }
    assert!(up.is_empty(), "{}", up.join("\n"));
    Ok(())
}
