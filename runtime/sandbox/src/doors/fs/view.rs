//! Files of a staged mount: the same doors, onto its copy-on-write view.

use super::{
    Fd, FsDoor, hit,
    place::{Aim, Last, Ruled, written},
};
use crate::{
    ledger::Ledger,
    outcome::{Action, Effect},
    staged::{End, Found, Kind, Layer, Spot, Staged, Turn, join},
};
use policy::LimitKind;
use rustix::{
    fs::{OFlags, Timespec, Timestamps},
    io::Errno,
};
use std::{fs::File as HostFile, io, sync::Arc};
use tokio::task::spawn_blocking;
use wasmtime_wasi::{
    FsPerms,
    filesystem::{Descriptor, Dir, File, OpenMode},
    p2::{
        FsError, FsResult,
        bindings::filesystem::types::{
            DescriptorFlags, DescriptorStat, DescriptorType, DirectoryEntry, ErrorCode, HostDescriptor,
            MetadataHashValue, NewTimestamp, OpenFlags, PathFlags,
        },
    },
};

/// How many entries a directory may have, at all depths, to be moved where rules are, as in other mounts.
const MAX_MOVED: usize = 10_000;

/// What one call sees of a staged mount.
#[derive(Debug)]
pub(crate) struct View {
    pub(crate) staged: Arc<Staged>,
    /// The only part of it that the call sees; empty for all of it.
    pub(crate) floor: String,
    pub(crate) writes: bool,
    pub(crate) ruled: Option<Arc<Ruled>>,
}

/// A handle's place in a view.
#[derive(Debug, Clone)]
pub(crate) struct At {
    pub(crate) view: Arc<View>,
    pub(crate) path: String,
}

/// How something is brought into the layer of changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Raise {
    /// A file that will be cut off.
    Empty,
    One,
    /// A directory with all that is in it.
    Whole,
}

fn error(errno: Errno) -> FsError {
    io::Error::from(errno).into()
}

impl At {
    async fn turn(&self) -> FsResult<Turn> {
        self.view.staged.turn().await.map_err(error)
    }

    /// The path for the record.
    fn real(&self, path: &str) -> String {
        let mount = self.view.staged.mount();
        if path.is_empty() { mount.to_string() } else { format!("{mount}/{path}") }
    }

    fn allow(&self, path: &str, aim: Aim) -> Result<(), ErrorCode> {
        self.view.ruled.as_ref().map_or(Ok(()), |ruled| ruled.allow(path, aim))
    }

    /// Where a path leads, after the rules were asked about it.
    fn find(&self, path: &str, last: Last, aim: Aim) -> FsResult<Spot> {
        if aim == Aim::Change && !self.view.writes {
            return Err(ErrorCode::NotPermitted.into());
        }
        // As it is written first, so that what is refused tells nothing of what is there.
        if let Some(written) = written(&self.path, path) {
            self.allow(&written, aim)?;
        }
        let find = |end| self.view.staged.find(&self.view.floor, &self.path, path, end).map_err(error);
        let spot = find(match last {
            Last::Follow => End::Follow,
            Last::Link => End::Link,
            Last::New | Last::Name => End::Name,
        })?;
        // What a link leads to, and is not there, would be made where nobody looked: as in other mounts with rules.
        if self.view.ruled.is_some() && last == Last::Follow && spot.found.is_none() && find(End::Link)?.found.is_some()
        {
            return Err(ErrorCode::NoEntry.into());
        }
        self.allow(&spot.path, aim)?;
        // A call that is granted a part of a mount does not choose what that part is for the next.
        let floor = &self.view.floor;
        if spot.path == *floor && !floor.is_empty() && matches!(last, Last::Name | Last::New) {
            return Err(ErrorCode::Busy.into());
        }
        Ok(spot)
    }

    /// Whether all that is in a directory may be moved, as in other mounts with rules.
    fn allow_move(&self, from: &str, to: &str) -> FsResult<()> {
        let Some(ruled) = &self.view.ruled else { return Ok(()) };
        let mut left = MAX_MOVED;
        let mut waiting = vec![(from.to_owned(), to.to_owned())];
        while let Some((from, to)) = waiting.pop() {
            ruled.allow(&from, Aim::Change)?;
            ruled.allow(&to, Aim::Change)?;
            for (name, _) in self.view.staged.list(&from).map_err(error)? {
                left = left.checked_sub(1).ok_or(ErrorCode::NotPermitted)?;
                waiting.push((join(&from, &name), join(&to, &name)));
            }
        }
        Ok(())
    }
}

fn last(flags: PathFlags) -> Last {
    if flags.contains(PathFlags::SYMLINK_FOLLOW) { Last::Follow } else { Last::Link }
}

fn time(stamp: NewTimestamp) -> Timespec {
    match stamp {
        NewTimestamp::NoChange => Timespec { tv_sec: 0, tv_nsec: rustix::fs::UTIME_OMIT },
        NewTimestamp::Now => Timespec { tv_sec: 0, tv_nsec: rustix::fs::UTIME_NOW },
        NewTimestamp::Timestamp(at) => {
            Timespec { tv_sec: i64::try_from(at.seconds).unwrap_or(i64::MAX), tv_nsec: at.nanoseconds.into() }
        }
    }
}

/// Copies what is about to change out of the base. The copy counts as written, whether blocks are shared or not, and that of
/// a whole directory as created: a call ends at the same place on every file system.
async fn raise(ledger: &Ledger, at: &At, turn: &Turn, path: &str, how: Raise) -> FsResult<()> {
    if how != Raise::Empty {
        // What is more than may be made ends the call, however much more it is.
        let most = ledger.hit(LimitKind::Created).value;
        let looked_at = path.to_owned();
        let cost = apart(at, turn, move |staged| staged.cost(&looked_at, how == Raise::Whole, most)).await?;
        ledger.write(cost.bytes).map_err(hit)?;
        if how == Raise::Whole {
            ledger.create_many(cost.entries).map_err(hit)?;
        }
    }
    let path = path.to_owned();
    apart(at, turn, move |staged| match how {
        Raise::Empty => staged.raise(&path, false),
        Raise::One => staged.raise(&path, true),
        Raise::Whole => staged.raise_whole(&path),
    })
    .await
}

/// Does what there can be much of on another thread. Whoever asked for it may be gone before it is done, and nobody else has a
/// turn until it is.
async fn apart<T: Send + 'static>(
    at: &At,
    turn: &Turn,
    work: impl FnOnce(&Staged) -> Result<T, Errno> + Send + 'static,
) -> FsResult<T> {
    let (staged, turn) = (Arc::clone(&at.view.staged), turn.clone());
    let done = spawn_blocking(move || {
        let done = work(&staged);
        drop(turn);
        done
    });
    done.await.map_err(|broken| FsError::trap(wasmtime::Error::new(broken)))?.map_err(error)
}

/// A path for the record, and a second one of what has two.
type Names = (String, Option<String>);

/// What was opened, and what that did.
struct Opened {
    descriptor: Descriptor,
    path: String,
    /// What it changed.
    did: Option<Action>,
    reads: bool,
}

impl FsDoor<'_> {
    /// Records what became of something that is over.
    fn over<T>(&self, action: Action, (path, to): Names, result: FsResult<(T, Names)>) -> FsResult<T> {
        let (path, to, result) = match result {
            // Where it really was, whatever links led there.
            Ok((value, (path, to))) => (path, to, Ok(value)),
            Err(error) => (path, to, Err(error)),
        };
        self.attempt_of(Effect { to, ..Effect::new(action, path) }).settle(result)
    }

    pub(super) async fn open_staged(
        &mut self,
        at: At,
        (path_flags, path, full): (PathFlags, &str, String),
        open_flags: OpenFlags,
        flags: DescriptorFlags,
    ) -> FsResult<Fd> {
        let writes = flags.contains(DescriptorFlags::WRITE) || flags.contains(DescriptorFlags::MUTATE_DIRECTORY);
        let tried = match (open_flags.contains(OpenFlags::CREATE), open_flags.contains(OpenFlags::TRUNCATE) || writes) {
            (true, _) => Action::Create,
            (false, true) => Action::Write,
            (false, false) => Action::Read,
        };
        let turn = at.turn().await?;
        let opened = match self.try_open(&at, &turn, path_flags, path, open_flags, flags).await {
            Ok(opened) => opened,
            Err(refused) => return self.over(tried, (full, None), Err(refused)),
        };
        let full = at.real(&opened.path);
        if let Some(did) = opened.did {
            self.ledger.done(did, full.clone());
        }
        if opened.reads {
            self.ledger.done(Action::Read, full.clone());
        }
        let fd = self.inner.table.push(opened.descriptor)?;
        self.tree.open_in(fd.rep(), full, At { view: Arc::clone(&at.view), path: opened.path });
        Ok(fd)
    }

    async fn try_open(
        &mut self,
        at: &At,
        turn: &Turn,
        path_flags: PathFlags,
        path: &str,
        open_flags: OpenFlags,
        flags: DescriptorFlags,
    ) -> FsResult<Opened> {
        let has = |flag: OpenFlags| open_flags.contains(flag);
        let makes = OpenFlags::CREATE | OpenFlags::EXCLUSIVE | OpenFlags::TRUNCATE;
        let syncs = DescriptorFlags::FILE_INTEGRITY_SYNC
            | DescriptorFlags::DATA_INTEGRITY_SYNC
            | DescriptorFlags::REQUESTED_WRITE_SYNC;
        if flags.intersects(syncs) {
            return Err(ErrorCode::Unsupported.into());
        }
        if has(OpenFlags::DIRECTORY) && open_flags.intersects(makes) {
            return Err(ErrorCode::Invalid.into());
        }
        let changes =
            flags.contains(DescriptorFlags::WRITE) || open_flags.intersects(OpenFlags::CREATE | OpenFlags::TRUNCATE);
        let reads = flags.contains(DescriptorFlags::READ) || !flags.contains(DescriptorFlags::WRITE);
        let mode = match (reads, changes) {
            (true, true) => OFlags::RDWR,
            (false, true) => OFlags::WRONLY,
            (_, false) => OFlags::RDONLY,
        };
        let spot = at.find(path, last(path_flags), if changes { Aim::Change } else { Aim::Look })?;
        let staged = &at.view.staged;
        let Some(found) = &spot.found else {
            if !has(OpenFlags::CREATE) {
                return Err(ErrorCode::NoEntry.into());
            }
            if spot.slash {
                return Err(ErrorCode::IsDirectory.into());
            }
            self.ledger.create().map_err(hit)?;
            let file = staged.create_file(&spot.path, mode).map_err(error)?;
            return Ok(Opened {
                descriptor: file_of(file, changes),
                path: spot.path,
                did: Some(Action::Create),
                reads: false,
            });
        };
        match found.kind {
            _ if has(OpenFlags::CREATE) && has(OpenFlags::EXCLUSIVE) => Err(ErrorCode::Exist.into()),
            Kind::Directory if changes => Err(ErrorCode::IsDirectory.into()),
            Kind::Directory => {
                let file = staged.open_found(&spot.path, found, OFlags::RDONLY | OFlags::DIRECTORY).map_err(error)?;
                Ok(Opened { descriptor: directory_of(file, at.view.writes), path: spot.path, did: None, reads: false })
            }
            Kind::File | Kind::Link if has(OpenFlags::DIRECTORY) => Err(ErrorCode::NotDirectory.into()),
            Kind::Link => Err(ErrorCode::Loop.into()),
            Kind::Other => Err(ErrorCode::NotPermitted.into()),
            Kind::File => {
                let cuts = has(OpenFlags::TRUNCATE);
                if changes && found.layer == Layer::Base {
                    raise(self.ledger, at, turn, &spot.path, if cuts { Raise::Empty } else { Raise::One }).await?;
                }
                let layer = if changes { Layer::Files } else { found.layer };
                let cut = if cuts { OFlags::TRUNC } else { OFlags::empty() };
                let found = Found { layer, ..found.clone() };
                let file = at.view.staged.open_found(&spot.path, &found, mode | cut).map_err(error)?;
                // Another program can have put something else there meanwhile.
                if !file.metadata()?.is_file() {
                    return Err(ErrorCode::NotPermitted.into());
                }
                let did = cuts.then_some(Action::Write);
                Ok(Opened { descriptor: file_of(file, changes), path: spot.path, did, reads })
            }
        }
    }

    pub(super) async fn create_directory_staged(&mut self, at: At, path: &str, full: String) -> FsResult<()> {
        let _turn = at.turn().await?;
        let made = at.find(path, Last::New, Aim::Change).and_then(|spot| {
            self.ledger.create().map_err(hit)?;
            at.view.staged.create_directory(&spot).map_err(error)?;
            Ok(((), (at.real(&spot.path), None)))
        });
        self.over(Action::Create, (full, None), made)
    }

    pub(super) async fn symlink_staged(&mut self, at: At, target: &str, path: &str, full: String) -> FsResult<()> {
        let _turn = at.turn().await?;
        let made = at.find(path, Last::New, Aim::Change).and_then(|spot| {
            self.ledger.create().map_err(hit)?;
            at.view.staged.create_link(&spot, target).map_err(error)?;
            Ok(((), (at.real(&spot.path), None)))
        });
        self.over(Action::Create, (full, None), made)
    }

    pub(super) async fn link_staged(
        &mut self,
        at: At,
        (flags, path, full): (PathFlags, &str, String),
        (to_at, to, to_full): (Option<At>, &str, String),
    ) -> FsResult<()> {
        let turn = at.turn().await?;
        let ledger = Arc::clone(self.ledger);
        let linked = async {
            let to_at = same(&at, to_at)?;
            if flags.contains(PathFlags::SYMLINK_FOLLOW) {
                return Err(ErrorCode::Invalid.into());
            }
            let from = at.find(path, Last::Name, Aim::Change)?;
            let to = to_at.find(to, Last::New, Aim::Change)?;
            from.there().map_err(error)?;
            ledger.create().map_err(hit)?;
            raise(&ledger, &at, &turn, &from.path, Raise::One).await?;
            at.view.staged.link(&from, &to).map_err(error)?;
            Ok(((), (at.real(&from.path), Some(at.real(&to.path)))))
        };
        let linked = linked.await;
        self.over(Action::Link, (full, Some(to_full)), linked)
    }

    pub(super) async fn rename_staged(
        &mut self,
        at: At,
        (path, full): (&str, String),
        (to_at, to, to_full): (Option<At>, &str, String),
    ) -> FsResult<()> {
        let turn = at.turn().await?;
        let ledger = Arc::clone(self.ledger);
        let renamed = async {
            let to_at = same(&at, to_at)?;
            let from = at.find(path, Last::Name, Aim::Change)?;
            let to = to_at.find(to, Last::New, Aim::Change)?;
            let moved = from.there().map_err(error)?.kind;
            if moved != Kind::Directory && (from.slash || to.slash) {
                return Err(ErrorCode::NotDirectory.into());
            }
            at.allow_move(&from.path, &to.path)?;
            raise(&ledger, &at, &turn, &from.path, Raise::Whole).await?;
            at.view.staged.rename(&from, &to).map_err(error)?;
            Ok((from.path, to.path))
        };
        let renamed = renamed.await;
        let renamed = renamed.map(|(from, to)| {
            let names = (at.real(&from), at.real(&to));
            self.tree.moved(&at.view, &from, &to);
            self.tree.renamed(&names.0, &names.1);
            ((), (names.0, Some(names.1)))
        });
        self.over(Action::Rename, (full, Some(to_full)), renamed)
    }

    pub(super) async fn remove_staged(&mut self, at: At, path: &str, full: String, directory: bool) -> FsResult<()> {
        let _turn = at.turn().await?;
        let removed = at.find(path, Last::Name, Aim::Change).and_then(|spot| {
            let staged = &at.view.staged;
            let removed = if directory { staged.remove_directory(&spot) } else { staged.remove_file(&spot) };
            removed.map_err(error)?;
            Ok(((), (at.real(&spot.path), None)))
        });
        self.over(Action::Remove, (full, None), removed)
    }

    /// `path` is `None` for the handle itself.
    pub(super) async fn set_times_staged(
        &mut self,
        at: At,
        (flags, path, full): (PathFlags, Option<&str>, String),
        accessed: NewTimestamp,
        modified: NewTimestamp,
    ) -> FsResult<()> {
        let turn = at.turn().await?;
        let ledger = Arc::clone(self.ledger);
        let set = async {
            let spot = at.find(path.unwrap_or("."), last(flags), Aim::Change);
            let spot = match path {
                Some(_) => spot?.path,
                // A file's own handle; its place is no directory.
                None => {
                    at.allow(&at.path, Aim::Change)?;
                    if !at.view.writes {
                        return Err(ErrorCode::NotPermitted.into());
                    }
                    at.path.clone()
                }
            };
            if !spot.is_empty() {
                raise(&ledger, &at, &turn, &spot, Raise::One).await?;
            }
            let times = Timestamps { last_access: time(accessed), last_modification: time(modified) };
            at.view.staged.set_times(&spot, &times).map_err(error)?;
            Ok(((), (at.real(&spot), None)))
        };
        let set = set.await;
        self.over(Action::Write, (full, None), set)
    }

    pub(super) async fn readlink_staged(&mut self, at: At, path: &str, full: String) -> FsResult<String> {
        let _turn = at.turn().await?;
        let target = at.find(path, Last::Link, Aim::Look).and_then(|spot| {
            let target = at.view.staged.target(&spot).map_err(error)?;
            // What leads out of the mount is not told, as in other mounts.
            if target.starts_with('/') {
                return Err(ErrorCode::NotPermitted.into());
            }
            Ok((target, (at.real(&spot.path), None)))
        });
        self.over(Action::Read, (full, None), target)
    }

    /// A descriptor that can only be looked at, in the table until it is taken out again.
    async fn looked_at(&mut self, at: &At, flags: PathFlags, path: &str) -> FsResult<Fd> {
        let _turn = at.turn().await?;
        let spot = at.find(path, last(flags), Aim::Look)?;
        let found = spot.there().map_err(error)?;
        let file = at.view.staged.open_found(&spot.path, found, OFlags::PATH).map_err(error)?;
        Ok(self.inner.table.push(file_of(file, false))?)
    }

    pub(super) async fn stat_staged(
        &mut self,
        at: At,
        flags: PathFlags,
        path: &str,
        full: String,
    ) -> FsResult<DescriptorStat> {
        let looked_at = self.looked_at(&at, flags, path).await;
        let looked_at = match looked_at {
            Ok(looked_at) => looked_at,
            Err(refused) => return self.over(Action::Read, (full, None), Err(refused)),
        };
        let stat = self.inner.stat(super::borrow(&looked_at)).await;
        self.inner.table.delete(looked_at)?;
        stat
    }

    pub(super) async fn hash_staged(
        &mut self,
        at: At,
        flags: PathFlags,
        path: &str,
        full: String,
    ) -> FsResult<MetadataHashValue> {
        let looked_at = self.looked_at(&at, flags, path).await;
        let looked_at = match looked_at {
            Ok(looked_at) => looked_at,
            Err(refused) => return self.over(Action::Read, (full, None), Err(refused)),
        };
        let hash = self.inner.metadata_hash(super::borrow(&looked_at)).await;
        self.inner.table.delete(looked_at)?;
        hash
    }

    /// What both layers have in a directory, without what the rules hide.
    pub(super) async fn list_staged(&mut self, at: &At) -> FsResult<Vec<DirectoryEntry>> {
        let turn = at.turn().await?;
        at.allow(&at.path, Aim::Look)?;
        let path = at.path.clone();
        let listed = apart(at, &turn, move |staged| staged.list(&path)).await?;
        let seen = listed
            .into_iter()
            .filter(|(name, _)| at.view.ruled.as_ref().is_none_or(|ruled| !ruled.hides(&at.path, name)));
        let entry = |(name, kind)| DirectoryEntry {
            type_: match kind {
                Kind::File => DescriptorType::RegularFile,
                Kind::Directory => DescriptorType::Directory,
                Kind::Link => DescriptorType::SymbolicLink,
                Kind::Other => DescriptorType::Unknown,
            },
            name,
        };
        Ok(seen.map(entry).collect())
    }
}

/// The other place, where it is in the same view.
fn same(at: &At, other: Option<At>) -> FsResult<At> {
    other.filter(|other| Arc::ptr_eq(&at.view, &other.view)).ok_or_else(|| ErrorCode::CrossDevice.into())
}

fn file_of(file: HostFile, writes: bool) -> Descriptor {
    let (perms, mode) = if writes {
        (FsPerms::ReadWrite, OpenMode::READ | OpenMode::WRITE)
    } else {
        (FsPerms::ReadOnly, OpenMode::READ)
    };
    Descriptor::File(File::new(file, perms, mode, false))
}

/// Nothing is changed through it: whatever would is turned to the view. It only says what its flags are.
fn directory_of(file: HostFile, writes: bool) -> Descriptor {
    let mode = if writes { OpenMode::READ | OpenMode::WRITE } else { OpenMode::READ };
    Descriptor::Dir(Dir::new(file, FsPerms::ReadOnly, mode, false))
}
