//! What stands in the files of a used store tells neither texts nor names nor, by their sizes, much about records;
//! and nobody else may read them.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that panics has failed")]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use o2tr_ekm::{Change, EkmStore, KdfCost, Options, RowName, SubRowId, Unlock, open_files, open_sqlite, sub_row_key};

const NEEDLES: [&str; 5] =
    ["juliet@capulet", "romeo@montague", "wherefore art thou", "deny thy father", "passw0rd-1597"];

fn bytes_below(directory: &Path) -> Vec<(String, Vec<u8>, u32)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        let mode = fs::metadata(&path).unwrap().permissions().mode() & 0o777;
        if path.is_dir() {
            assert_eq!(mode, 0o700, "{}", path.display());
            found.extend(bytes_below(&path));
        } else {
            found.push((path.display().to_string(), fs::read(&path).unwrap(), mode));
        }
    }
    found
}

fn use_and_search(open: impl Fn(&Path, &Unlock) -> Box<dyn EkmStore>) {
    let parent = tempfile::tempdir().unwrap();
    let directory = parent.path().join("a").join("store");
    let unlock = Unlock::Passphrase("passw0rd-1597".to_owned().into(), KdfCost::for_tests());
    let mut store = open(&directory, &unlock);
    let name = RowName::conversation(b"romeo@montague", b"juliet@capulet");
    let key = sub_row_key().unwrap();
    for generation in 0..40 {
        let record = "wherefore art thou ".repeat(generation as usize + 1).into_bytes();
        let text = b"deny thy father and refuse thy name".to_vec();
        let change = Change::put(name.clone(), generation, record.into());
        let change = change.putting_sub(SubRowId(generation), key.clone(), text.into());
        store.commit(if generation % 2 == 0 { change.retiring_secret() } else { change }.into()).unwrap();
    }
    // While it is in use, and afterwards.
    for _ in 0..2 {
        let files = bytes_below(&directory);
        assert!(files.len() >= 3);
        for (path, bytes, mode) in files {
            assert_eq!(mode, 0o600, "{path}");
            for needle in NEEDLES.iter().map(|needle| needle.as_bytes()).chain([key.expose().as_slice()]) {
                for part in [needle, &needle[..needle.len().min(10)]] {
                    assert!(!bytes.windows(part.len()).any(|window| window == part), "{path}");
                    assert!(!path.as_bytes().windows(part.len()).any(|window| window == part), "{path}");
                }
            }
        }
        drop(store);
        store = open(&directory, &unlock);
    }
}

#[test]
fn files() {
    use_and_search(|directory, unlock| Box::new(open_files(directory, unlock, &Options::default()).unwrap().vault));
}

#[test]
fn sqlite() {
    use_and_search(|directory, unlock| Box::new(open_sqlite(directory, unlock, &Options::default()).unwrap().vault));
}
