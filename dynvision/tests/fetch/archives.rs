//! Archives as they should be and as they should not.

use super::{Server, content, listing, md5, quick};
use dynvision::data::fetch::{FetchError, Limits, Remote, Size, unpack};
use flate2::{Compression, write::GzEncoder};
use std::io::{Cursor, Write};
use std::path::Path;
use tar::{EntryType, Header};
use tempfile::tempdir;
use zip::{ZipWriter, write::SimpleFileOptions};

const LIMITS: Limits = Limits { bytes: 100_000, entries: 20 };

/// An entry of a tar archive, whatever its name.
fn entry(name: &str, kind: EntryType, content: &[u8]) -> Vec<u8> {
    let mut header = Header::new_ustar();
    header.set_size(content.len() as u64);
    header.set_mode(0o644);
    header.set_entry_type(kind);
    header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
    if kind.is_symlink() || kind.is_hard_link() {
        header.as_old_mut().linkname[..11].copy_from_slice(b"/etc/passwd");
    }
    header.set_cksum();
    let mut bytes = [header.as_bytes(), content].concat();
    bytes.resize(bytes.len().next_multiple_of(512), 0);
    bytes
}

fn file(name: &str, content: &[u8]) -> Vec<u8> {
    entry(name, EntryType::Regular, content)
}

fn tar(entries: &[Vec<u8>]) -> Vec<u8> {
    [entries.concat(), vec![0; 1024]].concat()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn zip(entries: &[(&str, u32, &[u8])]) -> Vec<u8> {
    let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, mode, content) in entries {
        let options = SimpleFileOptions::default().unix_permissions(*mode);
        if *mode & 0o170_000 == 0o120_000 {
            archive.add_symlink(*name, "/etc/passwd", options).unwrap();
        } else if name.ends_with('/') {
            archive.add_directory(*name, options).unwrap();
        } else {
            archive.start_file(*name, options).unwrap();
            archive.write_all(content).unwrap();
        }
    }
    archive.finish().unwrap().into_inner()
}

/// The archive's content, or its error; whatever happens, nothing is made beside its folder.
fn result(name: &str, archive: &[u8], limits: Limits, look: impl FnOnce(&Path)) -> Result<(), FetchError> {
    let folder = tempdir().unwrap();
    let inner = folder.path().join("inner");
    std::fs::create_dir(&inner).unwrap();
    std::fs::write(inner.join(name), archive).unwrap();
    let into = inner.join("into");
    let result = unpack(inner.join(name), &into, limits);
    assert_eq!(listing(folder.path()), ["inner"]);
    match &result {
        Ok(()) => look(&into),
        Err(_) => assert_eq!(listing(&inner), [name], "{result:?}"),
    }
    result
}

#[test]
fn every_kind_is_unpacked() {
    let long = format!("top/{}/x", "n".repeat(150));
    let record = format!("{} path={long}\n", long.len() + 10);
    let pax = [entry("pax", EntryType::XHeader, record.as_bytes()), file("short", b"long name")].concat();
    let gnu =
        [entry("././@LongLink", EntryType::GNULongName, format!("{long}\0").as_bytes()), file("short", b"long name")]
            .concat();
    for long_name in [pax, gnu] {
        let tar = tar(&[
            entry("pax_global_header", EntryType::XGlobalHeader, b"18 comment=nothing\n"),
            entry("./", EntryType::Directory, b""),
            entry("top/", EntryType::Directory, b""),
            file("top/a.txt", b"hello"),
            file("./top/deep/er/b.txt", &content(3000)),
            file("top/empty", b""),
            long_name,
        ]);
        for archive in [tar.clone(), gzip(&tar)] {
            let look = |into: &Path| {
                assert_eq!(std::fs::read(into.join("top/a.txt")).unwrap(), b"hello");
                assert_eq!(std::fs::read(into.join("top/deep/er/b.txt")).unwrap(), content(3000));
                assert_eq!(std::fs::read(into.join("top/empty")).unwrap(), b"");
                assert_eq!(std::fs::read(into.join(&long)).unwrap(), b"long name");
                assert_eq!(listing(into), ["top"]);
            };
            result("a.tgz", &archive, LIMITS, look).unwrap();
        }
    }
    let archive = zip(&[("top/", 0o755, b""), ("top/deep/a.txt", 0o644, b"hello"), ("b", 0o644, &content(70_000))]);
    let look = |into: &Path| {
        assert_eq!(std::fs::read(into.join("top/deep/a.txt")).unwrap(), b"hello");
        assert_eq!(std::fs::read(into.join("b")).unwrap(), content(70_000));
    };
    result("a.zip", &archive, LIMITS, look).unwrap();
    let look = |into: &Path| assert_eq!(std::fs::read(into.join("labels.idx")).unwrap(), content(70_000));
    result("labels.idx.gz", &gzip(&content(70_000)), LIMITS, look).unwrap();
}

#[test]
fn nothing_is_written_outside() {
    for name in ["../x", "/x", "a/../../x", "a/../x", "..", "a\\..\\x", &"d/".repeat(40)] {
        let name = if name.ends_with("d/") { format!("{name}x") } else { name.to_string() };
        let archives = [
            tar(&[file("ok", b"1"), file(&name, b"out")]),
            gzip(&tar(&[file(&name, b"out")])),
            tar(&[entry("././@LongLink", EntryType::GNULongName, name.as_bytes()), file("short", b"out")]),
            tar(&[entry(&format!("{name}/"), EntryType::Directory, b"")]),
            zip(&[("ok", 0o644, b"1"), (&name, 0o644, b"out")]),
        ];
        for archive in archives {
            let error = result("a.tar", &archive, LIMITS, |_| {}).unwrap_err().to_string();
            assert!(error.contains("no path below its folder") && error.contains("a.tar"), "{name}: {error}");
        }
    }
}

#[test]
fn links_and_devices_are_refused_by_name() {
    for kind in
        [EntryType::Symlink, EntryType::Link, EntryType::Char, EntryType::Block, EntryType::Fifo, EntryType::GNUSparse]
    {
        let error = result("a.tar", &tar(&[entry("trap", kind, b"")]), LIMITS, |_| {}).unwrap_err().to_string();
        assert!(error.contains("\"trap\"") && (error.contains("a link") || error.contains("neither")), "{error}");
    }
    let error = result("a.zip", &zip(&[("trap", 0o120_777, b"")]), LIMITS, |_| {}).unwrap_err().to_string();
    assert!(error.contains("\"trap\", which is a link"), "{error}");
}

#[test]
fn bombs_are_refused() {
    let zeros = vec![0; 3_000_000];
    let most = tar(&(0..21).map(|i| file(&format!("{i}"), b"")).collect::<Vec<_>>());
    let names = tar(&[entry("././@LongLink", EntryType::GNULongName, &vec![b'n'; 1 << 17]), file("short", b"")]);
    // a header that states little, and much behind it
    let after = [tar(&[file("a", b"1")]), zeros.clone()].concat();
    // the stated size of a file in a zip's two headers, of which the rest still comes
    let mut lie = zip(&[("a", 0o644, &zeros)]);
    let size = (zeros.len() as u32).to_le_bytes();
    for at in 0..lie.len() - 4 {
        if lie[at..at + 4] == size {
            lie[at..at + 4].copy_from_slice(&10u32.to_le_bytes());
        }
    }
    for (name, archive, word) in [
        ("zeros.gz", gzip(&zeros), "more than 100000 bytes"),
        ("a.tar", tar(&[file("a", &zeros)]), "more than 100000 bytes"),
        ("b.tar", tar(&[file("a", &content(60_000)), file("b", &content(60_000))]), "more than 100000 bytes"),
        ("a.tgz", gzip(&after), "more than it may"),
        ("a.zip", zip(&[("a", 0o644, &zeros)]), "more than 100000 bytes"),
        ("b.zip", zip(&[("a", 0o644, &content(60_000)), ("b", 0o644, &content(60_000))]), "more than 100000 bytes"),
        ("lie.zip", lie, ""),
        ("many.tar", most, "more than 20 entries"),
        ("names.tar", names, "a name of 131072 bytes"),
    ] {
        let error = result(name, &archive, LIMITS, |_| {}).unwrap_err().to_string();
        assert!(error.contains(word), "{name}: {error}");
    }
}

#[test]
fn entries_of_one_name_and_odd_headers_are_refused() {
    for entries in [
        vec![file("a", b"1"), file("a", b"2")],
        vec![file("a", b"1"), file("a/b", b"2")],
        vec![file("a/b", b"2"), file("a", b"1")],
        vec![file("./", b""), file(".", b"x")],
        vec![entry("x", EntryType::XHeader, b"no record\n"), file("a", b"")],
        vec![entry("x", EntryType::XHeader, b"999 path=a\n"), file("a", b"")],
        vec![entry("x", EntryType::XHeader, b"17 size=99999999\n"), file("a", b"")],
    ] {
        assert!(result("a.tar", &tar(&entries), LIMITS, |_| {}).is_err());
    }
}

#[test]
fn every_truncation_and_many_changes_end_in_an_error_or_whole() {
    let tar = tar(&[entry("top/", EntryType::Directory, b""), file("top/a", &content(700)), file("top/b", b"x")]);
    let (gz, zip) = (gzip(&tar), zip(&[("top/a", 0o644, &content(700)), ("top/b", 0o644, b"x")]));
    for (name, archive) in [("a.tgz", &gz), ("a.zip", &zip)] {
        for cut in 0..archive.len() {
            assert!(result(name, &archive[..cut], LIMITS, |_| {}).is_err(), "{name} cut to {cut}");
        }
    }
    let mut state = 1u64;
    let mut random = |below: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % below
    };
    for round in 0..600 {
        let mut archive = [&tar, &zip, &gz][round % 3].clone();
        for _ in 0..=random(4) {
            let at = random(archive.len());
            archive[at] = random(256) as u8;
        }
        // no panic, nothing outside, nothing beyond the limits
        let _ = result("any", &archive, LIMITS, |into| {
            assert!(std::fs::read_dir(into).is_ok());
        });
    }
}

#[test]
fn what_is_there_is_not_touched() {
    let folder = tempdir().unwrap();
    let (archive, into) = (folder.path().join("a.tar"), folder.path().join("into"));
    std::fs::write(&archive, tar(&[file("a", b"new")])).unwrap();
    std::fs::create_dir(&into).unwrap();
    std::fs::write(into.join("a"), b"old").unwrap();
    unpack(&archive, &into, LIMITS).unwrap_err();
    assert_eq!(std::fs::read(into.join("a")).unwrap(), b"old");
}

/// From the server to the folder of the data set.
#[test]
fn an_archive_becomes_a_folder_and_leaves_nothing() {
    let folder = tempdir().unwrap();
    let archive = gzip(&tar(&[file("top/a.txt", b"hello"), file("aside", b"not wanted")]));
    let server = Server::new(&archive, &[super::Step::Drop(50)]);
    let remote = Remote {
        name: "set.tar.gz".to_string(),
        urls: vec![server.url("set.tar.gz")],
        size: Size::Exactly(archive.len() as u64),
        checksum: md5(&archive),
    };
    let place = folder.path().join("sets/set");
    // as a process left it that was killed while it unpacked
    std::fs::create_dir_all(folder.path().join("sets/.set.tar.gz.fetching/unpacked/top")).unwrap();
    for _ in 0..2 {
        assert_eq!(quick().archive(&remote, "top", LIMITS, &place).unwrap(), place);
        assert_eq!(std::fs::read(place.join("a.txt")).unwrap(), b"hello");
        assert_eq!(listing(&folder.path().join("sets")), ["set"]);
        assert_eq!(server.requests().len(), 2);
    }
    let error = quick().archive(&remote, "other", LIMITS, folder.path().join("other")).unwrap_err().to_string();
    assert!(error.contains("no folder `other`"), "{error}");
    assert!(!folder.path().join("other").exists());
}
