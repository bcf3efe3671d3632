//! Reading layers, and laying them over each other.

use super::schema::{find, near};
use super::{ConfigError, Kind, Layers, Source};
use dynvision::data::Seed;
use std::collections::BTreeMap;
use std::path::Path;
use toml::Value;
use toml::de::{DeTable, DeValue};

/// Values by their paths, each with its source.
pub(super) type Values = BTreeMap<String, (Value, Source)>;

/// Keys that say which others a table has: a new value takes the others away.
const TAGS: [&str; 2] = ["train.optimizer.method", "train.schedule.kind"];

/// Sets a value over what is there.
fn put(values: &mut Values, path: &str, value: Value, source: Source) -> Result<(), ConfigError> {
    let Some(key) = find(path) else {
        let (suggestion, known) = near(path);
        return Err(ConfigError::Unknown { at: source.into(), key: path.into(), suggestion, known });
    };
    let right = match key.kind {
        Kind::Text => value.is_str(),
        Kind::Flag => value.is_bool(),
        Kind::Count => value.as_integer().is_some_and(|x| x >= 0),
        Kind::Seed => seed(&value).is_some(),
        Kind::Real => value.is_integer() || value.is_float(),
        Kind::Texts => value.as_array().is_some_and(|list| list.iter().all(Value::is_str)),
        Kind::Time => super::units::time(&value, 1.).is_some(),
        Kind::Steps | Kind::Value => true,
    };
    if !right {
        let expected = format!("it takes {}", key.kind.name());
        return Err(ConfigError::Value { at: source.into(), key: path.into(), value: value.to_string(), expected });
    }
    let value = match (key.kind, value) {
        (Kind::Real, Value::Integer(whole)) => Value::Float(whole as f64),
        // one way to write each, so that what is the same seed is the same value
        (Kind::Seed, value) => seed(&value).unwrap_or(value),
        (_, value) => value,
    };
    if TAGS.contains(&path) && values.get(path).is_none_or(|(known, _)| *known != value) {
        let section = path.rsplit_once('.').map_or(path, |(section, _)| section);
        values.retain(|known, _| !is_in(known, section));
    }
    // either a norm or a value; a value over a table, and a table over a value
    values.retain(|known, _| !is_in(known, path) && !is_in(path, known));
    if path.starts_with("train.clip.") {
        values.retain(|known, _| known == path || !is_in(known, "train.clip"));
    }
    // one protocol in place of another
    if let Some(preset) = preset(path) {
        values.retain(|known, _| self::preset(known).is_none_or(|known| known == preset));
    }
    values.insert(path.into(), (value, source));
    Ok(())
}

/// A seed as it is written, if it is one.
fn seed(value: &Value) -> Option<Value> {
    value.clone().try_into::<Seed>().ok().map(Value::from)
}

/// The kind of protocol that a path is a setting of.
fn preset(path: &str) -> Option<&str> {
    path.strip_prefix("train.protocol.").and_then(|rest| rest.split('.').next())
}

/// Whether a path lies in a section.
fn is_in(path: &str, section: &str) -> bool {
    path.strip_prefix(section).is_some_and(|rest| rest.starts_with('.'))
}

/// The leaves of a table.
pub(super) fn leaves(prefix: &str, value: &Value, each: &mut impl FnMut(String, Value)) {
    match value {
        Value::Table(table) => {
            for (key, value) in table {
                let path = if prefix.is_empty() { key.clone() } else { format!("{prefix}.{key}") };
                leaves(&path, value, each);
            }
        }
        value => each(prefix.into(), value.clone()),
    }
}

/// Lays a table of which all comes from one source.
pub(super) fn lay(values: &mut Values, table: toml::Table, source: &Source) -> Result<(), ConfigError> {
    let mut all = Vec::new();
    leaves("", &Value::Table(table), &mut |path, value| all.push((path, value)));
    // what says which others there are comes first
    all.sort_by_key(|(path, _)| !TAGS.contains(&path.as_str()));
    all.into_iter().try_for_each(|(path, value)| put(values, &path, value, source.clone()))
}

/// A leaf of a file: its path, value and line.
type Leaf = (String, Value, usize);

fn read(text: &str, path: &str) -> Result<Vec<Leaf>, ConfigError> {
    let line = |at: usize| 1 + text.bytes().take(at).filter(|&byte| byte == b'\n').count();
    let root = DeTable::parse(text).map_err(|error| {
        let source = Source::File { path: path.into(), line: line(error.span().map_or(0, |span| span.start)) };
        ConfigError::Text { at: source.into(), reason: error.message().into() }
    })?;
    // a value that is none has its place, and is not passed over
    type Read = (String, Result<Value, String>, usize);
    fn walk(text: &str, prefix: &str, table: &DeTable<'_>, all: &mut Vec<Read>) {
        for (key, value) in table.iter() {
            let name = key.get_ref();
            let path = if prefix.is_empty() { name.to_string() } else { format!("{prefix}.{name}") };
            match value.get_ref() {
                DeValue::Table(inner) => walk(text, &path, inner, all),
                _ => {
                    let raw = text.get(value.span()).unwrap_or_default();
                    let read = toml::from_str::<toml::Table>(&format!("x = {raw}"));
                    let value = read.ok().and_then(|mut table| table.remove("x")).ok_or_else(|| raw.into());
                    all.push((path, value, key.span().start));
                }
            }
        }
    }
    let mut all = Vec::new();
    walk(text, "", root.get_ref(), &mut all);
    let of = |(key, value, at): Read| {
        let value = value.or_else(|raw| {
            let inner =
                key.strip_prefix("profile.").and_then(|rest| rest.split_once('.')).map_or(&*key, |(_, key)| key);
            if find(inner).is_some_and(|key| key.kind == Kind::Seed) {
                return Ok(Value::String(raw.replace('_', "")));
            }
            let at = Source::File { path: path.into(), line: line(at) };
            let reason = format!("`{inner}`: {raw} cannot be read; a whole number is at most {}", i64::MAX);
            Err(ConfigError::Text { at: at.into(), reason })
        })?;
        Ok((key, value, line(at)))
    };
    let mut all: Vec<Leaf> = all.into_iter().map(of).collect::<Result<_, ConfigError>>()?;
    all.sort_by_key(|(path, _, line)| (!TAGS.iter().any(|tag| path.ends_with(tag)), *line));
    Ok(all)
}

/// A value as it is written without quotes: TOML if it is some, else text.
fn value(text: &str) -> Value {
    let read = toml::from_str::<toml::Table>(&format!("x = {text}")).ok();
    read.filter(|table| table.len() == 1)
        .and_then(|mut table| table.remove("x"))
        .unwrap_or_else(|| Value::String(text.into()))
}

/// Lays file, profile, environment and command line over what is there.
pub(super) fn lay_all(values: &mut Values, layers: &Layers) -> Result<(), ConfigError> {
    let file = match &layers.file {
        Some(file) => Some(file.as_path()),
        None => Some(Path::new("lab.toml")).filter(|file| file.is_file()),
    };
    let mut profiles: Vec<String> = Vec::new();
    let mut chosen: Vec<Leaf> = Vec::new();
    let shown = file.map(|file| file.display().to_string()).unwrap_or_default();
    if let Some(file) = file {
        let text = std::fs::read_to_string(file)
            .map_err(|error| ConfigError::File { file: shown.clone(), reason: error.to_string() })?;
        for (path, value, line) in read(&text, &shown)? {
            match path.strip_prefix("profile.").and_then(|rest| rest.split_once('.')) {
                Some((name, inner)) => {
                    if !profiles.iter().any(|known| known == name) {
                        profiles.push(name.into());
                    }
                    if layers.profile.as_deref() == Some(name) {
                        chosen.push((inner.into(), value, line));
                    } else {
                        // what is wrong in a profile that is not chosen is wrong as well
                        let source = Source::Profile { name: name.into(), path: shown.clone(), line };
                        put(&mut Values::new(), inner, value, source)?;
                    }
                }
                None => put(values, &path, value, Source::File { path: shown.clone(), line })?,
            }
        }
    }
    if let Some(name) = &layers.profile {
        if !profiles.contains(name) {
            let near = crate::Error::unknown("profile", name, profiles.iter().map(String::as_str));
            return Err(ConfigError::Missing(near.to_string()));
        }
        for (path, value, line) in chosen {
            put(values, &path, value, Source::Profile { name: name.clone(), path: shown.clone(), line })?;
        }
    }
    for (name, text) in &layers.environment {
        let key = name.trim_start_matches("DYNVISION_").to_lowercase().replace("__", ".");
        if !key.contains('.') && find(&key).is_none() && !misspelt(&key) {
            continue;
        }
        put(values, &key, typed(&key, text), Source::Environment(name.clone()))?;
    }
    let given = || layers.sweep.clone().map_or(Source::CommandLine, Source::Sweep);
    for set in &layers.set {
        let Some((key, text)) = set.split_once('=') else {
            let reason = format!("`--set {set}` sets nothing; write `--set key=value`");
            return Err(ConfigError::Text { at: given().into(), reason });
        };
        let value = typed(key.trim(), text.trim());
        match value {
            Value::Table(table) => {
                let mut all = Vec::new();
                leaves(key.trim(), &Value::Table(table), &mut |path, value| all.push((path, value)));
                all.sort_by_key(|(path, _)| !TAGS.contains(&path.as_str()));
                for (path, value) in all {
                    put(values, &path, value, given())?;
                }
            }
            value => put(values, key.trim(), value, given())?,
        }
    }
    Ok(())
}

/// Whether a variable that is no setting is nearly one: others are of other programs, or of the tests.
fn misspelt(key: &str) -> bool {
    super::KEYS.iter().any(|known| !known.path.contains('.') && strsim::damerau_levenshtein(key, known.path) == 1)
}

/// A value of a key: a text stays what it is, also where it could be a number, and a list may be written without brackets.
fn typed(key: &str, text: &str) -> Value {
    match (find(key).map(|key| key.kind), value(text)) {
        (Some(Kind::Text), Value::String(text)) => Value::String(text),
        (Some(Kind::Text), _) => Value::String(text.into()),
        (Some(Kind::Texts), Value::String(list)) => {
            Value::Array(list.split(',').map(|part| Value::String(part.trim().into())).collect())
        }
        (_, value) => value,
    }
}
