use super::FigureError;
use dynvision::file::atomic;
use std::io::{self, Write};
use std::path::Path;

/// A figure that is drawn: its picture, and the numbers that are in it.
///
/// The columns of the table are the same for every figure that is drawn as a [`Page`](super::Page):
///
/// | column | meaning |
/// |---|---|
/// | `panel`, `series` | where the number is drawn, and to which line, row or distribution it belongs |
/// | `kind` | `mean` over seeds, `seed` for one of them, `curve` (a fit, a reference), `rule` (a line across), `mark`, `cell` (of a matrix), `stimulus` (a band), or a statistic of a distribution: `density`, `min`, `q1`, `median`, `q3`, `max`, `std`, `average` |
/// | `seed` | label of the seed, where `kind` is `seed` |
/// | `x`, `y` | the number, empty where it is missing |
/// | `low`, `high` | ends of the interval over seeds, or of the band |
/// | `seeds`, `samples` | number of seeds and of samples in all of them (of values, for a distribution) |
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Drawing {
    /// The picture.
    pub svg: String,
    /// What is drawn, as comma-separated values.
    pub csv: String,
}

impl Drawing {
    /// Writes the picture to `path` and the table beside it, with the ending `csv`. A picture that is there has its table beside
    /// it, whole and of the same drawing: what was there before is removed first, and the picture is written last.
    ///
    /// ```
    /// use dynvision_lab::figure::Drawing;
    ///
    /// # let folder = tempfile::tempdir()?;
    /// let path = folder.path().join("responses.svg");
    /// Drawing { svg: "<svg/>".into(), csv: "x,y\n".into() }.save(&path)?;
    /// assert_eq!(std::fs::read_to_string(path.with_extension("csv"))?, "x,y\n");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Those of the file system; neither file is there then. Where `path` itself ends in `csv`.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<(), FigureError> {
        let picture = path.as_ref();
        let table = picture.with_extension("csv");
        if table == picture {
            return Err(FigureError::File(io::Error::other(format!(
                "the picture `{}` would have the place of its table; let its name end in `.svg`",
                picture.display()
            ))));
        }
        match std::fs::remove_file(picture) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(FigureError::File(io::Error::new(
                    error.kind(),
                    format!("cannot replace `{}`: {error}", picture.display()),
                )));
            }
            _ => {}
        }
        let write = |path: &Path, text: &str| atomic::write(path, |file| file.write_all(text.as_bytes()));
        write(&table, &self.csv)?;
        write(picture, &self.svg).map_err(|error| {
            // The table of a picture that is not there says nothing; that it cannot be removed changes nothing about the error.
            let _ = std::fs::remove_file(&table);
            FigureError::File(error)
        })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed test may panic")]
mod tests {
    use super::*;

    fn drawing(text: &str) -> Drawing {
        Drawing { svg: format!("<svg>{text}</svg>"), csv: text.into() }
    }

    #[test]
    fn both_files_are_of_one_drawing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.svg");
        for text in ["old", "new"] {
            drawing(text).save(&path).unwrap();
            assert_eq!(std::fs::read_to_string(&path).unwrap(), format!("<svg>{text}</svg>"));
            assert_eq!(std::fs::read_to_string(path.with_extension("csv")).unwrap(), text);
        }
    }

    #[test]
    fn neither_file_is_there_after_a_failure() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.svg");
        drawing("old").save(&path).unwrap();
        // the table's place is taken
        std::fs::remove_file(path.with_extension("csv")).unwrap();
        std::fs::create_dir(path.with_extension("csv")).unwrap();
        let error = drawing("new").save(&path).unwrap_err().to_string();
        assert!(error.contains("a.csv") && !path.exists(), "{error}");
        // the picture's place is taken
        let path = folder.path().join("b.svg");
        std::fs::create_dir(&path).unwrap();
        let error = drawing("new").save(&path).unwrap_err().to_string();
        assert!(error.contains("b.svg") && !path.with_extension("csv").exists(), "{error}");
        assert!(drawing("new").save(folder.path().join("c.csv")).unwrap_err().to_string().contains(".svg"));
    }
}
