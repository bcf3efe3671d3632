//! Fetching from a server on the loopback address that drops, truncates, lies about lengths, redirects and refuses; unpacking archives that
//! would write where or what they should not.
#![allow(clippy::unwrap_used, reason = "a failed test may panic")]

mod archives;
mod server;

use dynvision::data::fetch::{self, Checksum, Fetch, FetchError, Remote, Size};
use dynvision::data::{self, DataError};
use server::{Server, Step};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tempfile::{TempDir, tempdir};

/// Bytes that differ from place to place.
fn content(count: usize) -> Vec<u8> {
    (0..count as u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect()
}

fn md5(content: &[u8]) -> Checksum {
    Checksum::md5(&"0".repeat(32)).unwrap().same_of(content).unwrap()
}

/// The file, of which the size is known.
fn remote(urls: &[String], content: &[u8]) -> Remote {
    let size = Size::Exactly(content.len() as u64);
    Remote { name: "file.bin".to_string(), urls: urls.to_vec(), size, checksum: md5(content) }
}

fn vague(urls: &[String], content: &[u8]) -> Remote {
    Remote { size: Size::AtMost(2 * content.len() as u64), ..remote(urls, content) }
}

/// Without the pauses that are there for servers far away.
fn quick() -> Fetch {
    Fetch::new().pause(Duration::ZERO)
}

/// What lies in a folder, hidden files as well.
fn listing(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// The file comes whole, by these requests, and nothing else stays.
fn comes(fetch: &Fetch, remote: &Remote, content: &[u8], folder: &TempDir) {
    let path = fetch.file(remote, folder.path()).unwrap();
    assert_eq!(path, folder.path().join("file.bin"));
    assert!(std::fs::read(path).unwrap() == content);
    assert_eq!(listing(folder.path()), ["file.bin"]);
}

fn from(place: usize) -> Option<String> {
    Some(format!("bytes={place}-"))
}

#[test]
fn a_file_comes_once() {
    let (folder, content) = (tempdir().unwrap(), content(300_000));
    let server = Server::new(&content, &[]);
    let told = Arc::new(Mutex::new(Vec::new()));
    let log = told.clone();
    let fetch = quick().progress(move |at| log.lock().unwrap().push((at.done, at.total)));
    let remote = remote(&[server.url("file.bin")], &content);
    comes(&fetch, &remote, &content, &folder);
    let told = told.lock().unwrap();
    assert!(told.first() == Some(&(0, Some(300_000))) && told.last() == Some(&(300_000, Some(300_000))));
    assert!(told.is_sorted() && told.len() > 3);
    comes(&fetch, &remote, &content, &folder);
    assert_eq!(server.requests().len(), 1);
}

#[test]
fn a_transfer_that_breaks_off_goes_on_where_it_was() {
    let (folder, content) = (tempdir().unwrap(), content(400_000));
    let server = Server::new(&content, &[Step::Drop(1000), Step::Drop(70_000), Step::Drop(0), Step::Drop(100_000)]);
    comes(&quick(), &remote(&[server.url("x")], &content), &content, &folder);
    assert_eq!(server.ranges(), [None, from(1000), from(71_000), from(71_000), from(171_000)]);
}

#[test]
fn a_later_process_goes_on_too() {
    let (folder, content) = (tempdir().unwrap(), content(5000));
    let server = Server::new(&content, &[Step::Drop(2000), Step::Drop(500)]);
    let remote = remote(&[server.url("x")], &content);
    let error = quick().tries(1).file(&remote, folder.path()).unwrap_err();
    assert!(matches!(error, FetchError::Refused { .. }) && error.to_string().contains("is kept"), "{error}");
    assert!(!folder.path().join("file.bin").exists());
    quick().tries(1).file(&remote, folder.path()).unwrap_err();
    comes(&quick().tries(1), &remote, &content, &folder);
    assert_eq!(server.ranges(), [None, from(2000), from(2500)]);
}

#[test]
fn progress_gives_new_tries_and_its_lack_does_not() {
    let (folder, content) = (tempdir().unwrap(), content(1_000_000));
    let much = [Step::Drop(100_000); 9];
    let server = Server::new(&content, &much);
    comes(&quick().tries(2), &remote(&[server.url("x")], &content), &content, &folder);
    assert_eq!(server.requests().len(), 10);
    let folder = tempdir().unwrap();
    let server = Server::new(&content, &[Step::Drop(10); 100]);
    let error = quick().tries(3).file(&remote(&[server.url("x")], &content), folder.path()).unwrap_err();
    assert!(error.to_string().contains("30"), "{error}");
    assert_eq!(server.requests().len(), 3);
}

#[test]
fn a_length_that_is_too_short_is_not_believed() {
    let content = content(5000);
    // the size is known: the rest is asked for
    let (folder, server) = (tempdir().unwrap(), Server::new(&content, &[Step::State(1234), Step::State(10)]));
    comes(&quick(), &remote(&[server.url("x")], &content), &content, &folder);
    assert_eq!(server.ranges(), [None, from(1234), from(1244)]);
    // it is not: the checksum tells, and nothing is kept
    let (folder, server) = (tempdir().unwrap(), Server::new(&content, &[Step::State(1234)]));
    let error = quick().file(&vague(&[server.url("x")], &content), folder.path()).unwrap_err();
    assert!(matches!(error, FetchError::Mismatch { .. }) && error.to_string().contains("1234 bytes"), "{error}");
    nothing_is_kept(&folder);
}

/// No byte of a file that was refused is used later.
fn nothing_is_kept(folder: &TempDir) {
    let part = folder.path().join(".file.bin.fetching/part");
    assert!(std::fs::read(part).unwrap_or_default().is_empty());
    assert!(!folder.path().join("file.bin").exists());
}

#[test]
fn a_length_that_is_too_long_is_not_believed() {
    let content = content(5000);
    let (folder, server) = (tempdir().unwrap(), Server::new(&content, &[Step::State(6000)]));
    comes(&quick(), &vague(&[server.url("x")], &content), &content, &folder);
    assert_eq!(server.ranges(), [None, from(5000)]);
    // beyond the size that is known, or allowed: not a byte is taken
    for remote in [remote, vague] {
        let (folder, server) = (tempdir().unwrap(), Server::new(&content, &[Step::State(1 << 60)]));
        let error = quick().file(&remote(&[server.url("x")], &content), folder.path()).unwrap_err();
        assert!(error.to_string().contains("announces"), "{error}");
        nothing_is_kept(&folder);
        assert_eq!(server.requests().len(), 1);
    }
}

#[test]
fn without_a_length_it_comes_and_ends() {
    let content = content(5000);
    for remote in [remote, vague] {
        let (folder, server) = (tempdir().unwrap(), Server::new(&content, &[Step::WithoutLength]));
        comes(&quick(), &remote(&[server.url("x")], &content), &content, &folder);
        let (folder, server) = (tempdir().unwrap(), Server::new(&content, &[Step::Endless]));
        let error = quick().file(&remote(&[server.url("x")], &content), folder.path()).unwrap_err();
        assert!(error.to_string().contains("more than"), "{error}");
        nothing_is_kept(&folder);
    }
}

#[test]
fn a_server_that_cannot_continue_starts_anew() {
    let content = content(5000);
    for step in [Step::IgnoreRange, Step::OtherPart, Step::Status(416)] {
        let (folder, server) = (tempdir().unwrap(), Server::new(&content, &[Step::Drop(1000), step]));
        comes(&quick(), &vague(&[server.url("x")], &content), &content, &folder);
    }
    // and if it breaks off each time at the same place, it ends
    let (folder, server) = (tempdir().unwrap(), Server::new(&content, &[Step::Drop(1000), Step::OtherPart].repeat(50)));
    assert!(quick().file(&remote(&[server.url("x")], &content), folder.path()).is_err());
    assert_eq!(server.requests().len(), 5);
}

#[test]
fn another_file_is_not_kept_and_says_so() {
    let (folder, content) = (tempdir().unwrap(), content(5000));
    let server = Server::new(&content, &[Step::Other, Step::Other]);
    let remote = remote(&[server.url("a"), server.url("b")], &content);
    let error = quick().file(&remote, folder.path()).unwrap_err().to_string();
    for word in ["not the published file", "not kept", "file.bin", "/a", "/b", &md5(&content).to_string()] {
        assert!(error.contains(word), "{error}");
    }
    nothing_is_kept(&folder);
    // the next server gives the right one
    let server = Server::new(&content, &[Step::Other]);
    comes(&quick(), &self::remote(&[server.url("a"), server.url("b")], &content), &content, &folder);
}

#[test]
fn what_was_left_of_another_version_is_dropped() {
    let (folder, old, new) = (tempdir().unwrap(), content(3000), content(5000).split_off(7));
    let server = Server::new(&old, &[Step::Drop(1000)]);
    quick().tries(1).file(&remote(&[server.url("x")], &old), folder.path()).unwrap_err();
    let server = Server::new(&new, &[]);
    comes(&quick(), &remote(&[server.url("x")], &new), &new, &folder);
    assert_eq!(server.ranges(), [from(1000), None]);
    // longer than the new one
    let folder = tempdir().unwrap();
    let server = Server::new(&new, &[Step::Drop(4000)]);
    quick().tries(1).file(&remote(&[server.url("x")], &new), folder.path()).unwrap_err();
    let server = Server::new(&old, &[]);
    comes(&quick(), &remote(&[server.url("x")], &old), &old, &folder);
    assert_eq!(server.ranges(), [None]);
}

#[test]
fn a_file_of_that_name_is_replaced_only_by_the_right_one() {
    let (folder, content) = (tempdir().unwrap(), content(100));
    let path = folder.path().join("file.bin");
    std::fs::write(&path, b"mine").unwrap();
    let server = Server::new(&content, &[Step::Status(404)]);
    let remote = remote(&[server.url("x")], &content);
    quick().file(&remote, folder.path()).unwrap_err();
    assert_eq!(std::fs::read(&path).unwrap(), b"mine");
    comes(&quick(), &remote, &content, &folder);
}

#[test]
fn servers_that_refuse_are_passed_over() {
    let content = content(100);
    for status in [400, 401, 403, 404, 410] {
        let (folder, server) = (tempdir().unwrap(), Server::new(&content, &[Step::Status(status)]));
        comes(&quick(), &remote(&[server.url("a"), server.url("b")], &content), &content, &folder);
        let paths: Vec<String> = server.requests().into_iter().map(|request| request.path).collect();
        assert_eq!(paths, ["/a", "/b"], "{status}");
    }
    // these may be better next time
    for status in [429, 500, 502, 503] {
        let (folder, server) = (tempdir().unwrap(), Server::new(&content, &[Step::Status(status); 4]));
        comes(&quick(), &remote(&[server.url("a")], &content), &content, &folder);
    }
    let (folder, server) = (tempdir().unwrap(), Server::new(&content, &[Step::Status(500); 9]));
    let remote = remote(&[server.url("a"), server.url("b")], &content);
    let error = quick().tries(2).file(&remote, folder.path()).unwrap_err().to_string();
    assert!(error.contains("/a: it answers 500") && error.contains("/b: it answers 500"), "{error}");
}

#[test]
fn redirections_are_followed_and_circles_left() {
    let content = content(100);
    let (folder, server) =
        (tempdir().unwrap(), Server::new(&content, &[Step::Redirect("/there"), Step::Redirect("/here")]));
    comes(&quick(), &remote(&[server.url("x")], &content), &content, &folder);
    assert_eq!(server.requests()[2].path, "/here");
    let (folder, server) = (tempdir().unwrap(), Server::new(&content, &[Step::Redirect("/x"); 200]));
    quick().file(&remote(&[server.url("x")], &content), folder.path()).unwrap_err();
    assert!(server.requests().len() < 100);
}

#[test]
fn silence_and_nonsense_end() {
    let content = content(100);
    for (step, word) in [(Step::Silent, "silent"), (Step::Garbage, "")] {
        let (folder, server) = (tempdir().unwrap(), Server::new(&content, &[step, step]));
        let fetch = quick().tries(2).patience(Duration::from_millis(100));
        let error = fetch.file(&remote(&[server.url("x")], &content), folder.path()).unwrap_err();
        assert!(matches!(&error, FetchError::Refused { tried, .. } if tried.contains(word)), "{error}");
        comes(&fetch, &remote(&[server.url("x")], &content), &content, &folder);
    }
}

#[test]
fn without_a_network_it_says_what_to_do_and_does_it() {
    let (folder, content) = (tempdir().unwrap(), content(100));
    // a port on which nobody listens any more
    let address = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let remote = remote(&[format!("http://{address}/x")], &content);
    let error = quick().tries(2).file(&remote, folder.path()).unwrap_err();
    let place = folder.path().join("file.bin");
    assert!(
        matches!(&error, FetchError::NoNetwork { place: named, .. } if *named == place.display().to_string()),
        "{error}"
    );
    assert!(error.to_string().contains("Is there a network?"), "{error}");
    std::fs::write(&place, &content).unwrap();
    assert_eq!(quick().file(&remote, folder.path()).unwrap(), place);
}

#[test]
fn names_that_are_none_are_refused() {
    let folder = tempdir().unwrap();
    for name in ["", ".", "..", "../x", "/x", "a/b"] {
        let remote = Remote { name: name.to_string(), ..remote(&[], b"") };
        assert!(matches!(quick().file(&remote, folder.path()), Err(FetchError::Setting { .. })), "{name}");
    }
    let error = data::fetch("cifar11", folder.path()).unwrap_err();
    assert!(matches!(error, DataError::Fetch(FetchError::UnknownSet { .. })) && error.to_string().contains("cifar10"));
    assert!(fetch::names().count() >= 9);
    assert!(listing(folder.path()).is_empty());
}

#[test]
fn two_at_once_do_not_mix() {
    let (folder, content) = (tempdir().unwrap(), content(2_000_000));
    let server = Server::new(&content, &[]);
    let remote = remote(&[server.url("x")], &content);
    let results: Vec<_> = std::thread::scope(|scope| {
        let run = || quick().file(&remote, folder.path());
        let threads: Vec<_> = (0..4).map(|_| scope.spawn(run)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert!(results.iter().any(Result::is_ok));
    for error in results.into_iter().filter_map(Result::err) {
        assert!(error.to_string().contains("process"), "{error}");
    }
    assert!(std::fs::read(folder.path().join("file.bin")).unwrap() == content);
}
