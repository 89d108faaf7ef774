//! The file that remembers how far the archive has been read, so that a new run of the program goes on from there.
//!
//! It names nobody but the account: two lines, the account and the archive's id. If it is lost or cannot be read, the
//! archive is not asked until an id is known again.

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use o2tr::transport::PeerId;
use tokio::sync::watch;
use tokio::task::{JoinHandle, spawn_blocking};

use crate::archive::ArchiveId;

/// Longer ids are not remembered; archives give 20 to 60 characters.
const MAX_ID: usize = 1024;
/// The most that is read of the file.
const MAX_FILE: u64 = 8192;

/// Writes positions, the newest only, without anybody waiting for the disk.
#[derive(Debug)]
pub(crate) struct Keeper {
    newest: watch::Sender<Option<ArchiveId>>,
    task: JoinHandle<()>,
}

impl Keeper {
    /// For one account; must be called within a tokio runtime.
    pub(crate) fn start(path: PathBuf, account: PeerId) -> Self {
        let (newest, mut positions) = watch::channel(None);
        let task = tokio::spawn(async move {
            while positions.changed().await.is_ok() {
                let Some(id) = positions.borrow_and_update().clone() else { continue };
                let (path, account) = (path.clone(), account.clone());
                // Without it the next run reads more than it must, or asks for nothing: no reason to stop.
                let _ = spawn_blocking(move || save(&path, &account, &id)).await;
            }
        });
        Self { newest, task }
    }

    /// Everything up to here is done with.
    pub(crate) fn keep(&self, position: &ArchiveId) {
        self.newest.send_if_modified(|newest| {
            let news = newest.as_ref() != Some(position);
            if news {
                *newest = Some(position.clone());
            }
            news
        });
    }

    /// Returns when the newest is written.
    pub(crate) async fn finish(self) {
        drop(self.newest);
        // A task that failed has written nothing more.
        let _ = self.task.await;
    }
}

/// The position that an earlier run of this account has left.
pub(crate) fn load(path: &Path, account: &PeerId) -> Option<ArchiveId> {
    use io::Read as _;
    let mut text = String::new();
    std::fs::File::open(path).ok()?.take(MAX_FILE).read_to_string(&mut text).ok()?;
    let mut lines = text.lines();
    let of_account = lines.next()? == account.as_str();
    let id = lines.next().filter(|id| of_account && !id.is_empty() && id.len() <= MAX_ID)?;
    Some(ArchiveId::new(id))
}

/// Replaces the file as a whole.
fn save(path: &Path, account: &PeerId, id: &ArchiveId) -> io::Result<()> {
    let id = id.as_str();
    if id.len() > MAX_ID || id.contains(['\n', '\r']) {
        return Ok(());
    }
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".new");
    let new = path.with_file_name(name);
    let mut options = std::fs::File::options();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.mode(0o600);
    }
    let mut file = options.open(&new)?;
    writeln!(file, "{account}\n{id}")?;
    file.sync_data()?;
    std::fs::rename(&new, path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_next_run_finds_what_this_one_kept() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("archive");
        let account = PeerId::new("alice@example.org");
        assert_eq!(load(&path, &account), None);
        let keeper = Keeper::start(path.clone(), account.clone());
        keeper.keep(&ArchiveId::new("one"));
        keeper.keep(&ArchiveId::new("two"));
        keeper.finish().await;
        assert_eq!(load(&path, &account), Some(ArchiveId::new("two")));
        assert_eq!(load(&path, &PeerId::new("bob@example.org")), None, "it is another account's");
    }

    #[test]
    fn what_does_not_fit_into_a_line_is_not_kept() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("archive");
        let account = PeerId::new("alice@example.org");
        for id in ["a\nb", &"x".repeat(MAX_ID + 1)] {
            save(&path, &account, &ArchiveId::new(id)).unwrap();
            assert_eq!(load(&path, &account), None);
        }
        std::fs::write(&path, [0xff, 0xfe]).unwrap();
        assert_eq!(load(&path, &account), None);
    }
}
