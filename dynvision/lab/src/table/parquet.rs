//! Tables as Parquet, a row group at a time.

use super::{Column, Table};
use crate::run_error::RunError;
use parquet::basic::{Compression, LogicalType, Repetition, Type as Physical};
use parquet::column::reader::{ColumnReader, ColumnReaderImpl};
use parquet::data_type::{ByteArray, ByteArrayType, DataType, DoubleType, Int64Type};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::schema::types::Type;
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Writes a table in parts, each of which is a row group: only one part is in memory.
pub struct ParquetWriter<W: Write + Send = File> {
    path: PathBuf,
    /// The columns of the first part, which all have.
    columns: Vec<(String, ColumnType)>,
    inner: SerializedFileWriter<W>,
    rows: usize,
}

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ColumnType {
    Integers,
    Numbers,
    Texts,
}

impl ColumnType {
    fn of(column: &Column) -> Self {
        match column {
            Column::Integers(_) => ColumnType::Integers,
            Column::Numbers(_) => ColumnType::Numbers,
            Column::Texts(_) => ColumnType::Texts,
        }
    }
}

impl ParquetWriter {
    /// Begins a file whose columns are those of `like`, of which nothing is written yet.
    ///
    /// # Errors
    ///
    /// Those of the file system.
    pub fn new(path: &Path, like: &Table) -> Result<Self, RunError> {
        ParquetWriter::over(File::create(path).map_err(RunError::file("write", path))?, path, like)
    }

    /// Ends the file and brings it to the disk; returns the number of rows.
    ///
    /// # Errors
    ///
    /// Those of the file system.
    pub fn finish(self) -> Result<usize, RunError> {
        let (path, rows) = (self.path.clone(), self.rows);
        self.end()?.sync_all().map_err(RunError::file("write", &path))?;
        Ok(rows)
    }
}

impl<W: Write + Send> ParquetWriter<W> {
    /// Creates a writer of tables over a writer that is given; the path is for errors.
    pub(crate) fn over(to: W, path: &Path, like: &Table) -> Result<Self, RunError> {
        let columns: Vec<(String, ColumnType)> =
            like.columns().iter().map(|(name, column)| (name.clone(), ColumnType::of(column))).collect();
        let field = |(name, kind): &(String, ColumnType)| {
            let (physical, logical) = match kind {
                ColumnType::Integers => (Physical::INT64, None),
                ColumnType::Numbers => (Physical::DOUBLE, None),
                ColumnType::Texts => (Physical::BYTE_ARRAY, Some(LogicalType::String)),
            };
            let builder = Type::primitive_type_builder(name, physical);
            builder.with_repetition(Repetition::OPTIONAL).with_logical_type(logical).build().map(Arc::new)
        };
        let fields = columns.iter().map(field).collect::<Result<Vec<_>, _>>().map_err(failed(path))?;
        let schema = Type::group_type_builder("table").with_fields(fields).build().map_err(failed(path))?;
        let properties = WriterProperties::builder()
            .set_compression(Compression::SNAPPY)
            .set_created_by(concat!("dynvision-lab version ", env!("CARGO_PKG_VERSION")).into())
            .build();
        let inner = SerializedFileWriter::new(to, Arc::new(schema), Arc::new(properties)).map_err(failed(path))?;
        Ok(ParquetWriter { path: path.into(), columns, inner, rows: 0 })
    }

    /// Writes a part. A column that it lacks is missing in all its rows; whole numbers may come where numbers are written.
    ///
    /// # Errors
    ///
    /// A column that the file does not have, or of another kind; those of the file system.
    pub fn write(&mut self, part: &Table) -> Result<(), RunError> {
        let refused = |reason: String| RunError::Table { path: self.path.clone(), reason };
        if let Some(name) = part.names().find(|name| self.columns.iter().all(|(known, _)| known != name)) {
            return Err(refused(format!("the first part has no column `{name}`")));
        }
        let rows = part.rows();
        let ready = self.columns.iter().map(|(name, kind)| match (part.column(name), kind) {
            (None, ColumnType::Integers) => Ok(Column::Integers(vec![None; rows])),
            (None, ColumnType::Numbers) => Ok(Column::Numbers(vec![None; rows])),
            (None, ColumnType::Texts) => Ok(Column::Texts(vec![None; rows])),
            (Some(column), kind) if ColumnType::of(column) == *kind => Ok(column.clone()),
            (Some(Column::Integers(x)), ColumnType::Numbers) => {
                Ok(Column::Numbers(x.iter().map(|x| x.map(|x| x as f64)).collect()))
            }
            (Some(column), kind) => Err(refused(format!(
                "column `{name}` holds {:?} where the first part has {kind:?}",
                ColumnType::of(column)
            ))),
        });
        let ready: Vec<Column> = ready.collect::<Result<_, _>>()?;
        let mut group = self.inner.next_row_group().map_err(failed(&self.path))?;
        for column in &ready {
            write_column(&mut group, column).map_err(failed(&self.path))?;
        }
        group.close().map_err(failed(&self.path))?;
        self.rows += rows;
        Ok(())
    }

    /// Ends the file, and gives what it was written to.
    pub(crate) fn end(self) -> Result<W, RunError> {
        self.inner.into_inner().map_err(failed(&self.path))
    }
}

impl<W: Write + Send> std::fmt::Debug for ParquetWriter<W> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ParquetWriter")
            .field("path", &self.path)
            .field("columns", &self.columns)
            .finish_non_exhaustive()
    }
}

fn failed(path: &Path) -> impl Fn(ParquetError) -> RunError + use<> {
    let path = path.to_path_buf();
    move |error| RunError::Table { path: path.clone(), reason: error.to_string() }
}

/// The values that are there, and for each row whether it has one.
fn present<T: Clone, U>(values: &[Option<T>], of: impl Fn(T) -> U) -> (Vec<U>, Vec<i16>) {
    let there = values.iter().map(|value| i16::from(value.is_some())).collect();
    (values.iter().flatten().cloned().map(of).collect(), there)
}

fn write_column<W: Write + Send>(
    group: &mut SerializedRowGroupWriter<'_, W>,
    column: &Column,
) -> Result<(), ParquetError> {
    let none = || ParquetError::General("the file has fewer columns than the table".into());
    let mut writer = group.next_column()?.ok_or_else(none)?;
    match column {
        Column::Integers(values) => {
            let (values, there) = present(values, |x| x);
            writer.typed::<Int64Type>().write_batch(&values, Some(&there), None)?;
        }
        Column::Numbers(values) => {
            let finite: Vec<Option<f64>> = values.iter().map(|x| x.filter(|x| x.is_finite())).collect();
            let (values, there) = present(&finite, |x| x);
            writer.typed::<DoubleType>().write_batch(&values, Some(&there), None)?;
        }
        Column::Texts(values) => {
            let (values, there) = present(values, |text| ByteArray::from(text.as_bytes().to_vec()));
            writer.typed::<ByteArrayType>().write_batch(&values, Some(&there), None)?;
        }
    }
    writer.close()
}

/// Reads a table that [`ParquetWriter`] wrote, one part after another.
///
/// # Errors
///
/// A file that cannot be read, or has columns of other kinds.
pub fn read_parquet(path: &Path) -> Result<impl Iterator<Item = Result<Table, RunError>> + use<>, RunError> {
    let file = File::open(path).map_err(RunError::file("read", path))?;
    let reader = SerializedFileReader::new(file).map_err(failed(path))?;
    let path = path.to_path_buf();
    Ok((0..reader.metadata().num_row_groups()).map(move |part| read_part(&reader, part, &path)))
}

fn read_part(reader: &SerializedFileReader<File>, part: usize, path: &Path) -> Result<Table, RunError> {
    let group = reader.get_row_group(part).map_err(failed(path))?;
    let rows = usize::try_from(group.metadata().num_rows()).unwrap_or(0);
    let mut table = Table::new();
    for (i, described) in group.metadata().schema_descr().columns().iter().enumerate() {
        let name = described.name();
        let column = match group.get_column_reader(i).map_err(failed(path))? {
            ColumnReader::Int64ColumnReader(reader) => {
                Column::Integers(read_column::<Int64Type>(reader, rows).map_err(failed(path))?)
            }
            ColumnReader::DoubleColumnReader(reader) => {
                Column::Numbers(read_column::<DoubleType>(reader, rows).map_err(failed(path))?)
            }
            ColumnReader::ByteArrayColumnReader(reader) => {
                let texts = read_column::<ByteArrayType>(reader, rows).map_err(failed(path))?;
                let text = |bytes: Option<ByteArray>| bytes.map(|b| String::from_utf8_lossy(b.data()).into());
                Column::Texts(texts.into_iter().map(text).collect())
            }
            _ => {
                let reason = format!("column `{name}` is neither whole numbers, numbers nor text");
                return Err(RunError::Table { path: path.into(), reason });
            }
        };
        table.push(name, column)?;
    }
    Ok(table)
}

fn read_column<T: DataType>(mut reader: ColumnReaderImpl<T>, rows: usize) -> Result<Vec<Option<T::T>>, ParquetError> {
    let (mut values, mut there) = (Vec::new(), Vec::new());
    let mut read = 0;
    while read < rows {
        let (records, ..) = reader.read_records(rows - read, Some(&mut there), None, &mut values)?;
        if records == 0 {
            return Err(ParquetError::General(format!("it ends after {read} of {rows} rows")));
        }
        read += records;
    }
    let mut values = values.into_iter();
    Ok(there.into_iter().map(|there| if there > 0 { values.next() } else { None }).collect())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed test may panic")]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_and_what_is_missing_is_missing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("table.parquet");
        let part = |from: i64, texts: Vec<Option<Arc<str>>>| {
            let numbers = vec![Some(0.1 * from as f64), None, Some(f64::INFINITY)];
            let table = Table::new().with("i", vec![Some(from), None, Some(i64::MIN)]).unwrap();
            table.with("x", numbers).unwrap().with("say", Column::Texts(texts)).unwrap()
        };
        let one = part(1, vec![Some("λ, \"ß\"".into()), None, Some("".into())]);
        let two = part(2, vec![None, None, None]);
        let mut writer = ParquetWriter::new(&path, &one).unwrap();
        writer.write(&one).unwrap();
        writer.write(&two).unwrap();
        writer.write(&Table::new().with("x", vec![7]).unwrap()).unwrap();
        let odd = writer.write(&Table::new().with("y", vec![7]).unwrap()).unwrap_err().to_string();
        assert!(odd.contains("no column `y`"), "{odd}");
        let odd = writer.write(&Table::new().with("i", vec![0.5]).unwrap()).unwrap_err().to_string();
        assert!(odd.contains("`i`"), "{odd}");
        assert_eq!(writer.finish().unwrap(), 7);
        let read: Vec<Table> = read_parquet(&path).unwrap().collect::<Result<_, _>>().unwrap();
        assert_eq!(read.len(), 3);
        assert_eq!(read[0].column("i"), one.column("i"));
        assert_eq!(read[0].column("say"), one.column("say"));
        assert_eq!(read[0].column("x"), Some(&Column::Numbers(vec![Some(0.1), None, None])), "infinite is missing");
        assert_eq!(read[1].column("say"), two.column("say"));
        assert_eq!(read[2].column("i"), Some(&Column::Integers(vec![None])));
        assert_eq!(read[2].column("x"), Some(&Column::Numbers(vec![Some(7.)])));
    }

    #[test]
    fn a_file_that_is_cut_off_is_refused_with_its_name() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("table.parquet");
        let table = Table::new().with("i", (0..1000).collect::<Vec<_>>()).unwrap();
        let mut writer = ParquetWriter::new(&path, &table).unwrap();
        writer.write(&table).unwrap();
        writer.finish().unwrap();
        let bytes = std::fs::read(&path).unwrap();
        std::fs::write(&path, &bytes[..bytes.len() / 2]).unwrap();
        let error = read_parquet(&path).err().map(|error| error.to_string()).unwrap();
        assert!(error.contains("table.parquet"), "{error}");
    }
}
