//! Tables as CSV.

use super::Table;
use crate::run_error::RunError;
use std::io::Write;
use std::path::Path;

/// Writes a table as CSV after RFC 4180, with a line for the names; the file is there whole or not at all.
///
/// # Errors
///
/// Those of the file system.
pub fn write_csv(path: &Path, table: &Table) -> Result<(), RunError> {
    let written = dynvision::file::atomic::write(path, |file| {
        let line = |file: &mut dyn Write, fields: Vec<String>| writeln!(file, "{}", fields.join(","));
        line(file, table.names().map(quoted).collect())?;
        for row in 0..table.rows() {
            line(file, table.columns().iter().map(|(_, column)| quoted(&column.cell(row))).collect())?;
        }
        std::io::Result::Ok(())
    });
    written.map_err(RunError::file("write", path))
}

/// A field with quotes around it where it needs them.
fn quoted(field: &str) -> String {
    match field.contains([',', '"', '\n', '\r']) {
        true => format!("\"{}\"", field.replace('"', "\"\"")),
        false => field.into(),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed test may panic")]
mod tests {
    use super::*;
    use crate::table::Column;

    #[test]
    fn what_is_missing_is_empty_and_text_is_quoted() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("table.csv");
        let text = Column::Texts(vec![Some("a, \"b\"".into()), None, Some("".into())]);
        let numbers = vec![Some(0.1), Some(f64::NAN), Some(1e300)];
        let table =
            Table::new().with("say", text).unwrap().with("x,y", numbers).unwrap().with("i", vec![-1, 0, 7]).unwrap();
        write_csv(&path, &table).unwrap();
        let read = std::fs::read_to_string(&path).unwrap();
        assert_eq!(read, "say,\"x,y\",i\n\"a, \"\"b\"\"\",0.1,-1\n,,0\n,1e300,7\n");
    }
}
