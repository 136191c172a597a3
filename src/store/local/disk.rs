//! One folder with everything that is needed to work in it. `read`, `write` and `list` say what can be done.

use std::fs::File;
use std::hash::{BuildHasher as _, RandomState};
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use actors::ports::Key;
use parking_lot::RwLock;

use super::draft::Drafts;
use super::lock::{FolderLock, OpenError};
use super::tree::{DOOR, DRAFTS, LOCK, Tree, enter};
use super::version::Stamps;

/// How many locks all keys share.
const STRIPES: usize = 256;

/// The folder of one store. Nothing else in this process or any other writes to it.
#[derive(Debug)]
pub(super) struct Disk {
    pub(super) tree: Tree,
    pub(super) drafts: Drafts,
    pub(super) stamps: Stamps,
    /// A key's lock is held for writing from the check of its version until the new one is on the disk, so that nobody
    /// reads what a loss of power could still undo.
    stripes: Vec<RwLock<()>>,
    hasher: RandomState,
    pub(super) scratch: PathBuf,
    /// Last, as fields are dropped in order: the folder is free when nothing of this is left.
    pub(super) lock: FolderLock,
}

impl Disk {
    pub(super) fn open(root: &Path) -> Result<Self, OpenError> {
        let root = make_root(root).map_err(OpenError::disk("make the store's folder"))?;
        let top = File::open(&root).map_err(OpenError::disk("open the store's folder"))?;
        let lock = FolderLock::take(&top)?;
        let scratch = clear_drafts(&root).map_err(OpenError::disk("clear the store's unfinished files"))?;
        let drafts = enter(&top, DRAFTS).map_err(OpenError::disk("open the store's unfinished files"))?;
        let disk = Self {
            tree: Tree::new(top, &[DOOR, DRAFTS, LOCK]),
            drafts: Drafts::new(drafts),
            stamps: Stamps::default(),
            stripes: (0..STRIPES).map(|_| RwLock::new(())).collect(),
            hasher: RandomState::new(),
            scratch,
            lock,
        };
        disk.check_times()?;
        Ok(disk)
    }

    /// The lock that `key` shares with a few others.
    pub(super) fn stripe(&self, key: &Key) -> &RwLock<()> {
        let hash = self.hasher.hash_one(key);
        &self.stripes[usize::try_from(hash % STRIPES as u64).expect("less than the number of stripes")]
    }

    /// Versions are told apart by times to the nanosecond; some disks cut them.
    fn check_times(&self) -> Result<(), OpenError> {
        let tried = self.drafts.create().and_then(|draft| {
            let stamps = [self.stamps.next(), self.stamps.next()];
            let kept = |stamp| draft.seal(stamp).and_then(|()| draft.keeps(stamp));
            Ok(kept(stamps[0])? && kept(stamps[1])?)
        });
        let kept = tried.map_err(OpenError::disk("write to the store's folder"))?;
        if kept { Ok(()) } else { Err(OpenError::CoarseTimes) }
    }
}

/// Makes the folder, if it is missing, in a way that outlives a loss of power.
fn make_root(root: &Path) -> io::Result<PathBuf> {
    let root = std::path::absolute(root)?;
    let missing = root.ancestors().take_while(|folder| !folder.exists()).count();
    // What callers keep here is not for other users of the machine.
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&root)?;
    for above in root.ancestors().skip(1).take(missing) {
        File::open(above)?.sync_all()?;
    }
    Ok(root)
}

/// Removes what was being written when the last process ended, and makes the place for new such files.
fn clear_drafts(root: &Path) -> io::Result<PathBuf> {
    let drafts = root.join(DRAFTS);
    match std::fs::remove_dir_all(&drafts) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let scratch = drafts.join("scratch");
    std::fs::create_dir_all(&scratch)?;
    Ok(scratch)
}
