//! Whether overwriting a sector erases what was there. Best effort: what is not recognised gives no warning.

use core::fmt;
use std::fs::{File, Metadata};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;

/// Why what is forgotten here may be found again, or read by others.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Warning {
    /// The file system writes elsewhere instead of overwriting: old keys stay on the disk for an unknown time.
    CopyOnWrite {
        /// Its name.
        filesystem: &'static str,
    },
    /// The file system is on another machine, whose disk we know nothing about.
    Remote {
        /// Its name.
        filesystem: &'static str,
    },
    /// The file system is mounted with `data=journal`: everything written is in its journal too.
    DataJournal,
    /// Others may enter the store's directory.
    Permissive {
        /// The directory's permission bits.
        mode: u32,
    },
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CopyOnWrite { filesystem } => {
                write!(f, "{filesystem} does not overwrite in place: erased keys stay on the disk for a while")
            }
            Self::Remote { filesystem } => {
                write!(f, "{filesystem} keeps files on another machine: erased keys may stay there")
            }
            Self::DataJournal => f.write_str("data=journal keeps what is overwritten: erased keys stay for a while"),
            Self::Permissive { mode } => write!(f, "others may enter the store's directory (mode {mode:04o})"),
        }
    }
}

/// Everything to be said about a store's directory. What cannot be inspected is not warned of.
pub(crate) fn warnings(directory: &Path) -> Vec<Warning> {
    let Ok(file) = File::open(directory) else { return Vec::new() };
    let mut warnings = Vec::new();
    warnings.extend(of_type(&file));
    if let Ok(metadata) = file.metadata() {
        let mounts = std::fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
        if journals_data(&mounts, &metadata) {
            warnings.push(Warning::DataJournal);
        }
        let mode = metadata.permissions().mode() & 0o7777;
        if mode & 0o077 != 0 {
            warnings.push(Warning::Permissive { mode });
        }
    }
    warnings
}

#[cfg(target_os = "linux")]
fn of_type(directory: &File) -> Option<Warning> {
    // The field's type differs between architectures; the numbers themselves have 32 bits.
    by_magic(u32::try_from(rustix::fs::fstatfs(directory).ok()?.f_type).ok()?)
}

#[cfg(target_vendor = "apple")]
fn of_type(_: &File) -> Option<Warning> {
    Some(Warning::CopyOnWrite { filesystem: "APFS" })
}

#[cfg(not(any(target_os = "linux", target_vendor = "apple")))]
fn of_type(_: &File) -> Option<Warning> {
    None
}

/// By the numbers of `statfs(2)`.
#[cfg(target_os = "linux")]
const fn by_magic(magic: u32) -> Option<Warning> {
    Some(match magic {
        0x9123_683e => Warning::CopyOnWrite { filesystem: "btrfs" },
        0x2fc1_2fc1 => Warning::CopyOnWrite { filesystem: "ZFS" },
        0xf2f5_2010 => Warning::CopyOnWrite { filesystem: "F2FS" },
        0xca45_1a4e => Warning::CopyOnWrite { filesystem: "bcachefs" },
        0x3434 => Warning::CopyOnWrite { filesystem: "NILFS2" },
        0x794c_7630 => Warning::CopyOnWrite { filesystem: "overlayfs" },
        0x2405_1905 => Warning::CopyOnWrite { filesystem: "UBIFS" },
        0x72b6 => Warning::CopyOnWrite { filesystem: "JFFS2" },
        0x6969 => Warning::Remote { filesystem: "NFS" },
        0xff53_4d42 | 0xfe53_4d42 | 0x517b => Warning::Remote { filesystem: "SMB" },
        0x0102_1997 => Warning::Remote { filesystem: "9p" },
        0x00c3_6400 => Warning::Remote { filesystem: "Ceph" },
        0x6573_5546 => Warning::Remote { filesystem: "FUSE" },
        _ => return None,
    })
}

/// Looks the directory's device up in the text of `/proc/self/mountinfo`.
fn journals_data(mounts: &str, directory: &Metadata) -> bool {
    let device = format!("{}:{}", rustix::fs::major(directory.dev()), rustix::fs::minor(directory.dev()));
    mounts
        .lines()
        .filter(|line| line.split(' ').nth(2) == Some(&device))
        .any(|line| line.split([' ', ',']).any(|option| option == "data=journal"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_that_others_may_enter_is_named() {
        let directory = tempfile::tempdir().unwrap();
        std::fs::set_permissions(directory.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
        assert!(warnings(directory.path()).contains(&Warning::Permissive { mode: 0o755 }));
        std::fs::set_permissions(directory.path(), std::fs::Permissions::from_mode(0o700)).unwrap();
        assert!(!warnings(directory.path()).iter().any(|warning| matches!(warning, Warning::Permissive { .. })));
    }

    #[test]
    fn the_mount_options_of_our_device_count_and_no_others() {
        let metadata = File::open("/").unwrap().metadata().unwrap();
        let device = format!("{}:{}", rustix::fs::major(metadata.dev()), rustix::fs::minor(metadata.dev()));
        let line = |device: &str, options: &str| format!("22 1 {device} / / rw,relatime - ext4 /dev/x rw,{options}\n");
        assert!(journals_data(&line(&device, "data=journal"), &metadata));
        assert!(!journals_data(&line(&device, "data=ordered"), &metadata));
        assert!(!journals_data(&line("9999:1", "data=journal"), &metadata));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn known_file_systems_are_named() {
        assert_eq!(by_magic(0x9123_683e), Some(Warning::CopyOnWrite { filesystem: "btrfs" }));
        assert_eq!(by_magic(0xef53), None);
    }
}
