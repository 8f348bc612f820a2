//! Files. Wraps the engine's file system host, which confines paths to mounts and keeps read-only mounts read-only;
//! here every access is recorded, and what is written and created is counted.

mod attempt;
mod place;
mod rules;
mod stream;
mod tree;

pub(crate) use place::Ruled;
pub use rules::{PathPatterns, PatternRefused};
pub(crate) use tree::{Root, Tree};

use crate::{
    ledger::Ledger,
    outcome::{Action, Effect, LimitHit},
};
use attempt::{Attempt, is_refusal};
use place::{Aim, Last};
use policy::LimitKind;
use std::sync::Arc;
use stream::Counted;
use wasmtime::component::Resource;
use wasmtime_wasi::{
    filesystem::{Descriptor, WasiFilesystemCtxView},
    p2::{
        DynInputStream, DynOutputStream, FsError, FsResult,
        bindings::filesystem::{
            preopens,
            types::{
                self, Advice, DescriptorFlags, DescriptorStat, DescriptorType, DirectoryEntry, ErrorCode,
                HostDescriptor, HostDirectoryEntryStream, MetadataHashValue, NewTimestamp, OpenFlags, PathFlags,
            },
        },
    },
};

type Fd = Resource<Descriptor>;
type Entries = Resource<types::DirectoryEntryStream>;

/// The longest path, in bytes: Linux's own `PATH_MAX`.
const MAX_PATH: usize = 4_096;

/// How many directories can be listed at once, at most. A walk that goes down keeps one open for each level.
const MAX_LISTINGS: usize = 64;

/// One call's view of its mounts.
pub(crate) struct FsDoor<'a> {
    pub(crate) inner: WasiFilesystemCtxView<'a>,
    pub(crate) tree: &'a mut Tree,
    pub(crate) ledger: &'a Arc<Ledger>,
}

fn hit(hit: LimitHit) -> FsError {
    FsError::trap(hit)
}

impl FsDoor<'_> {
    /// A path for the record. One that no file system takes is refused before it takes room here.
    fn path(&self, fd: &Fd, relative: &str) -> FsResult<String> {
        if relative.len() > MAX_PATH {
            return Err(ErrorCode::NameTooLong.into());
        }
        let path = self.tree.path(fd.rep(), relative);
        if path.len() > MAX_PATH { Err(ErrorCode::NameTooLong.into()) } else { Ok(path) }
    }

    /// A path for the record of what is about to change: where it really is, whatever links lead there.
    fn target(&self, fd: &Fd, relative: &str, last: Last) -> FsResult<String> {
        let named = self.path(fd, relative)?;
        Ok(self.real_target(fd, relative, last).unwrap_or(named))
    }

    /// `None` where it cannot be told, or where nothing on the way could be a link.
    fn real_target(&self, fd: &Fd, relative: &str, last: Last) -> Option<String> {
        let Descriptor::Dir(dir) = self.inner.table.get(fd).ok()? else { return None };
        let found = if last == Last::Follow {
            place::at(&*dir.dir, relative).ok()?
        } else {
            // The name as it is written, so that a link at the end is what is meant, and `..` leads nowhere.
            let (directory, name) = relative.trim_end_matches('/').rsplit_once('/')?;
            place::at(&*dir.dir, directory).ok()?.join(name)
        };
        let base = place::of_handle(&*dir.dir).ok()?;
        Some(self.tree.path(fd.rep(), found.strip_prefix(base).ok()?.to_str()?))
    }

    /// Something is about to be tried.
    fn attempt(&self, action: Action, path: String) -> Attempt {
        Attempt::new(self.ledger, Effect::new(action, path))
    }

    fn attempt_pair(&self, action: Action, from: String, to: String) -> Attempt {
        Attempt::new(self.ledger, Effect { to: Some(to), ..Effect::new(action, from) })
    }

    /// Asks the rules about a path, where its mount has any; a refusal is recorded. What it gives back keeps others of the
    /// same mount waiting until the operation is over.
    async fn admit(&mut self, fd: &Fd, path: &str, last: Last, aim: Aim, action: Action) -> FsResult<Admitted> {
        let Some(ruled) = self.tree.ruled(fd.rep()) else { return Ok(Admitted::default()) };
        // The lock's guard has to live as long as the operation, which outlives this borrow.
        let turn = TurnOf::take(&ruled).await;
        let place = self.place(&ruled, fd, path, last, aim);
        match place {
            Ok(place) => Ok(Admitted { rules: Some((ruled, place)), _turn: Some(turn) }),
            Err(code) => {
                let full = self.path(fd, path)?;
                self.attempt(action, full).settle(Err(code.into()))
            }
        }
    }

    /// The same for something that gets another name, or a second one.
    async fn admit_pair(
        &mut self,
        fd: &Fd,
        (path, last): (&str, Last),
        to_fd: &Fd,
        to: &str,
        action: Action,
    ) -> FsResult<Admitted> {
        let (from_rules, to_rules) = (self.tree.ruled(fd.rep()), self.tree.ruled(to_fd.rep()));
        let refused = match (from_rules, to_rules) {
            (None, None) => return Ok(Admitted::default()),
            (Some(from), Some(to)) if !Arc::ptr_eq(&from, &to) => ErrorCode::CrossDevice,
            (Some(_), Some(_)) => return self.admit_within(fd, (path, last), to_fd, to, action).await,
            (from, _) => {
                let admitted = match from {
                    Some(_) => self.admit(fd, path, last, Aim::Change, action).await?,
                    None => self.admit(to_fd, to, Last::New, Aim::Change, action).await?,
                };
                // What a directory holds would come under rules, or leave them, unseen.
                match self.before(fd, PathFlags::empty(), path).await {
                    Ok(Some(DescriptorType::Directory)) => ErrorCode::CrossDevice,
                    _ => return Ok(admitted),
                }
            }
        };
        let (from, to) = (self.path(fd, path)?, self.path(to_fd, to)?);
        self.attempt_pair(action, from, to).settle(Err(refused.into()))
    }

    /// The same within one mount, which takes one turn.
    async fn admit_within(
        &mut self,
        fd: &Fd,
        (path, last): (&str, Last),
        to_fd: &Fd,
        to: &str,
        action: Action,
    ) -> FsResult<Admitted> {
        let admitted = self.admit(fd, path, last, Aim::Change, action).await?;
        let Some((ruled, place)) = &admitted.rules else { return Ok(admitted) };
        let moved = self.place(ruled, to_fd, to, Last::New, Aim::Change);
        let moved = moved.and_then(|to| if action == Action::Rename { ruled.allow_move(place, &to) } else { Ok(()) });
        match moved {
            Ok(()) => Ok(admitted),
            Err(code) => {
                let (from, to) = (self.path(fd, path)?, self.path(to_fd, to)?);
                self.attempt_pair(action, from, to).settle(Err(code.into()))
            }
        }
    }

    /// Looks at what was opened: where it is now, not where it was when the rules were asked.
    async fn verify(&mut self, ruled: &Arc<Ruled>, opened: &Fd, aim: Aim, cuts: bool) -> FsResult<()> {
        let place = match self.inner.table.get(opened)? {
            Descriptor::Dir(dir) => ruled.of_open(&*dir.dir),
            Descriptor::File(file) => ruled.of_open(&*file.file),
        }?;
        ruled.allow(&place, aim)?;
        if cuts { self.inner.set_size(borrow(opened), 0).await } else { Ok(()) }
    }

    /// Where something is that was opened below a handle, links followed.
    fn real(&self, fd: &Fd, opened: &Fd) -> Option<String> {
        let place = |fd: &Fd| match self.inner.table.get(fd).ok()? {
            Descriptor::Dir(dir) => place::of_handle(&*dir.dir).ok(),
            Descriptor::File(file) => place::of_handle(&*file.file).ok(),
        };
        let (base, found) = (place(fd)?, place(opened)?);
        Some(self.tree.path(fd.rep(), found.strip_prefix(base).ok()?.to_str()?))
    }

    fn place(&self, ruled: &Arc<Ruled>, fd: &Fd, path: &str, last: Last, aim: Aim) -> Result<String, ErrorCode> {
        match self.inner.table.get(fd).map_err(|_| ErrorCode::BadDescriptor)? {
            Descriptor::Dir(dir) => ruled.admit(&*dir.dir, path, last, aim),
            Descriptor::File(_) => Err(ErrorCode::NotDirectory),
        }
    }

    /// Asks the rules about something that is open already.
    fn admit_open(&self, fd: &Fd, aim: Aim) -> FsResult<Option<(Arc<Ruled>, String)>> {
        let Some(ruled) = self.tree.ruled(fd.rep()) else { return Ok(None) };
        let place = match self.inner.table.get(fd)? {
            Descriptor::Dir(dir) => ruled.of_open(&*dir.dir),
            Descriptor::File(file) => ruled.of_open(&*file.file),
        }?;
        ruled.allow(&place, aim)?;
        Ok(Some((ruled, place)))
    }

    /// What stands at a path before it is opened; `None` where there is nothing.
    async fn before(&mut self, fd: &Fd, flags: PathFlags, path: &str) -> FsResult<Option<DescriptorType>> {
        match self.inner.stat_at(borrow(fd), flags, path.to_owned()).await {
            Ok(stat) => Ok(Some(stat.type_)),
            Err(error) if matches!(error.downcast_ref(), Some(ErrorCode::NoEntry)) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Metadata is recorded only where it was refused.
    fn refused_look<T>(&self, result: FsResult<T>, path: String) -> FsResult<T> {
        if let Err(error) = &result
            && is_refusal(error)
        {
            self.ledger.refused(Action::Read, path);
        }
        result
    }

    /// Counts what is about to be written, where the mount lets anything be.
    fn count(&self, fd: &Fd, bytes: u64) -> FsResult<()> {
        match self.inner.table.get(fd) {
            Ok(Descriptor::File(file)) if !file.perms.write_not_permitted() => self.ledger.write(bytes).map_err(hit),
            _ => Ok(()),
        }
    }

    /// How far beyond its end a file grows by what is written at an offset, before anything is written there.
    fn gap(&self, fd: &Fd, offset: u64) -> u64 {
        match self.inner.table.get(fd) {
            Ok(Descriptor::File(file)) => file.file.metadata().map_or(offset, |it| offset.saturating_sub(it.len())),
            // Directories are not written to.
            _ => 0,
        }
    }

    /// Wraps a stream that writes, so that what goes through it is counted.
    fn counted(&mut self, fd: &Fd, stream: FsResult<Resource<DynOutputStream>>) -> FsResult<Resource<DynOutputStream>> {
        let path = self.path(fd, "")?;
        let stream = self.attempt(Action::Write, path).settle(stream)?;
        let inner = self.inner.table.delete(stream)?;
        let counted: DynOutputStream = Box::new(Counted::new(inner, Arc::clone(self.ledger)));
        Ok(self.inner.table.push(counted)?)
    }
}

/// What the rules allowed; nothing where there are none.
#[derive(Default)]
struct Admitted {
    rules: Option<(Arc<Ruled>, String)>,
    _turn: Option<TurnOf>,
}

/// The turn in a mount with rules.
struct TurnOf(#[expect(dead_code, reason = "held, not looked at")] tokio::sync::OwnedMutexGuard<()>);

impl TurnOf {
    async fn take(ruled: &Arc<Ruled>) -> Self {
        Self(Arc::clone(&ruled.turn).lock_owned().await)
    }
}

fn borrow(fd: &Fd) -> Fd {
    Resource::new_borrow(fd.rep())
}

impl preopens::Host for FsDoor<'_> {
    fn get_directories(&mut self) -> wasmtime::Result<Vec<(Fd, String)>> {
        let directories = preopens::Host::get_directories(&mut self.inner)?;
        for (fd, guest_path) in &directories {
            self.tree.open_root(fd.rep(), guest_path);
        }
        Ok(directories)
    }
}

impl types::Host for FsDoor<'_> {
    fn convert_error_code(&mut self, error: FsError) -> wasmtime::Result<ErrorCode> {
        types::Host::convert_error_code(&mut self.inner, error)
    }

    fn filesystem_error_code(&mut self, error: Resource<wasmtime::Error>) -> wasmtime::Result<Option<ErrorCode>> {
        types::Host::filesystem_error_code(&mut self.inner, error)
    }
}

impl HostDescriptor for FsDoor<'_> {
    async fn open_at(
        &mut self,
        fd: Fd,
        path_flags: PathFlags,
        path: String,
        open_flags: OpenFlags,
        flags: DescriptorFlags,
    ) -> FsResult<Fd> {
        let full = self.path(&fd, &path)?;
        let writes = flags.contains(DescriptorFlags::WRITE)
            || flags.contains(DescriptorFlags::MUTATE_DIRECTORY)
            || open_flags.intersects(OpenFlags::CREATE | OpenFlags::TRUNCATE);
        let creates = open_flags.contains(OpenFlags::CREATE);
        let action = match (creates, writes) {
            (true, _) => Action::Create,
            (false, true) => Action::Write,
            (false, false) => Action::Read,
        };
        let last = if path_flags.contains(PathFlags::SYMLINK_FOLLOW) { Last::Follow } else { Last::Link };
        let changes_it = flags.contains(DescriptorFlags::WRITE) || open_flags.contains(OpenFlags::TRUNCATE);
        let aim = if changes_it { Aim::Change } else { Aim::Look };
        let admitted = self.admit(&fd, &path, last, aim, action).await?;
        let there = self.before(&fd, path_flags, &path).await;
        let there = match there {
            // Opening a pipe or a device can wait for ever, and what is behind it is not a file of the mount.
            Ok(Some(
                DescriptorType::Unknown
                | DescriptorType::Fifo
                | DescriptorType::CharacterDevice
                | DescriptorType::BlockDevice
                | DescriptorType::Socket,
            )) => Err(ErrorCode::NotPermitted.into()),
            there => there,
        };
        let there = match there {
            Ok(there) => there,
            Err(error) => return self.attempt(action, full).settle(Err(error)),
        };
        let makes = creates && there.is_none();
        if makes {
            if let Some((ruled, place)) = &admitted.rules
                && let Err(code) = ruled.allow(place, Aim::Change)
            {
                return self.attempt(action, full).settle(Err(code.into()));
            }
            self.ledger.create().map_err(hit)?;
        }
        let changes = makes || open_flags.contains(OpenFlags::TRUNCATE);
        let tried = match (makes, changes) {
            (true, _) => Action::Create,
            (false, true) => Action::Write,
            (false, false) => action,
        };
        let attempt = self.attempt(tried, full.clone());
        // Where rules are, nothing is cut off before it is certain what was opened.
        let cuts = admitted.rules.is_some() && open_flags.contains(OpenFlags::TRUNCATE);
        let open_flags = if cuts { open_flags & !OpenFlags::TRUNCATE } else { open_flags };
        let mut opened = self.inner.open_at(borrow(&fd), path_flags, path, open_flags, flags).await;
        if let (Some((ruled, _)), Ok(descriptor)) = (&admitted.rules, &opened)
            && let Err(code) = self.verify(ruled, descriptor, aim, cuts).await
        {
            if let Ok(descriptor) = opened {
                HostDescriptor::drop(&mut self.inner, descriptor).map_err(FsError::trap)?;
            }
            opened = Err(code);
        }
        // A link could give what it leads to another name in the record.
        let real = opened.as_ref().ok().and_then(|opened| self.real(&fd, opened));
        let full = real.unwrap_or(full);
        let opened = match opened {
            Ok(opened) if changes => attempt.at(full.clone()).settle(Ok(opened))?,
            Ok(opened) => attempt.nothing(opened),
            Err(error) => return attempt.settle(Err(error)),
        };
        // The engine opens for reading whatever is not opened for writing alone.
        let reads = flags.contains(DescriptorFlags::READ) || !flags.contains(DescriptorFlags::WRITE);
        if reads && there != Some(DescriptorType::Directory) && !makes {
            self.ledger.done(Action::Read, full.clone());
        }
        self.tree.open(opened.rep(), full, admitted.rules.map(|(ruled, _)| ruled));
        Ok(opened)
    }

    fn drop(&mut self, fd: Fd) -> wasmtime::Result<()> {
        self.tree.close(fd.rep());
        HostDescriptor::drop(&mut self.inner, fd)
    }

    async fn write(&mut self, fd: Fd, bytes: Vec<u8>, offset: u64) -> FsResult<u64> {
        self.count(&fd, self.gap(&fd, offset).saturating_add(bytes.len() as u64))?;
        let path = self.path(&fd, "")?;
        let attempt = self.attempt(Action::Write, path);
        let result = self.inner.write(fd, bytes, offset).await;
        attempt.settle(result)
    }

    fn write_via_stream(&mut self, fd: Fd, offset: u64) -> FsResult<Resource<DynOutputStream>> {
        let stream = self.inner.write_via_stream(borrow(&fd), offset);
        if stream.is_ok() {
            self.ledger.write(self.gap(&fd, offset)).map_err(hit)?;
        }
        self.counted(&fd, stream)
    }

    fn append_via_stream(&mut self, fd: Fd) -> FsResult<Resource<DynOutputStream>> {
        let stream = self.inner.append_via_stream(borrow(&fd));
        self.counted(&fd, stream)
    }

    async fn set_size(&mut self, fd: Fd, size: u64) -> FsResult<()> {
        // A file that grows takes room, even if nobody writes it.
        let before = self.inner.stat(borrow(&fd)).await?.size;
        self.count(&fd, size.saturating_sub(before))?;
        let path = self.path(&fd, "")?;
        let attempt = self.attempt(Action::Write, path);
        let result = self.inner.set_size(fd, size).await;
        attempt.settle(result)
    }

    async fn set_times(&mut self, fd: Fd, accessed: NewTimestamp, modified: NewTimestamp) -> FsResult<()> {
        let path = self.path(&fd, "")?;
        let attempt = self.attempt(Action::Write, path);
        if let Err(error) = self.admit_open(&fd, Aim::Change) {
            return attempt.settle(Err(error));
        }
        let result = self.inner.set_times(fd, accessed, modified).await;
        attempt.settle(result)
    }

    async fn set_times_at(
        &mut self,
        fd: Fd,
        flags: PathFlags,
        path: String,
        accessed: NewTimestamp,
        modified: NewTimestamp,
    ) -> FsResult<()> {
        let last = if flags.contains(PathFlags::SYMLINK_FOLLOW) { Last::Follow } else { Last::Link };
        let full = self.target(&fd, &path, last)?;
        let _admitted = self.admit(&fd, &path, last, Aim::Change, Action::Write).await?;
        let attempt = self.attempt(Action::Write, full);
        let result = self.inner.set_times_at(fd, flags, path, accessed, modified).await;
        attempt.settle(result)
    }

    async fn create_directory_at(&mut self, fd: Fd, path: String) -> FsResult<()> {
        let _admitted = self.admit(&fd, &path, Last::New, Aim::Change, Action::Create).await?;
        self.ledger.create().map_err(hit)?;
        let full = self.target(&fd, &path, Last::Link)?;
        let attempt = self.attempt(Action::Create, full);
        let result = self.inner.create_directory_at(fd, path).await;
        attempt.settle(result)
    }

    async fn symlink_at(&mut self, fd: Fd, target: String, path: String) -> FsResult<()> {
        let _admitted = self.admit(&fd, &path, Last::New, Aim::Change, Action::Create).await?;
        self.ledger.create().map_err(hit)?;
        let full = self.target(&fd, &path, Last::Link)?;
        let attempt = self.attempt(Action::Create, full);
        let result = self.inner.symlink_at(fd, target, path).await;
        attempt.settle(result)
    }

    async fn link_at(&mut self, fd: Fd, flags: PathFlags, path: String, to_fd: Fd, to: String) -> FsResult<()> {
        // A second name would make changeable what is not, and would show what is not to be seen.
        let last = if flags.contains(PathFlags::SYMLINK_FOLLOW) { Last::Follow } else { Last::Link };
        let _admitted = self.admit_pair(&fd, (&path, last), &to_fd, &to, Action::Link).await?;
        self.ledger.create().map_err(hit)?;
        let (from_full, to_full) = (self.target(&fd, &path, Last::Link)?, self.target(&to_fd, &to, Last::Link)?);
        let attempt = self.attempt_pair(Action::Link, from_full, to_full);
        let result = self.inner.link_at(fd, flags, path, to_fd, to).await;
        attempt.settle(result)
    }

    async fn rename_at(&mut self, fd: Fd, path: String, to_fd: Fd, to: String) -> FsResult<()> {
        let _admitted = self.admit_pair(&fd, (&path, Last::Link), &to_fd, &to, Action::Rename).await?;
        let (from_full, to_full) = (self.target(&fd, &path, Last::Link)?, self.target(&to_fd, &to, Last::Link)?);
        let attempt = self.attempt_pair(Action::Rename, from_full.clone(), to_full.clone());
        let result = self.inner.rename_at(fd, path, to_fd, to).await;
        if result.is_ok() {
            self.tree.renamed(&from_full, &to_full);
        }
        attempt.settle(result)
    }

    async fn unlink_file_at(&mut self, fd: Fd, path: String) -> FsResult<()> {
        let _admitted = self.admit(&fd, &path, Last::Link, Aim::Change, Action::Remove).await?;
        let full = self.target(&fd, &path, Last::Link)?;
        let attempt = self.attempt(Action::Remove, full);
        let result = self.inner.unlink_file_at(fd, path).await;
        attempt.settle(result)
    }

    async fn remove_directory_at(&mut self, fd: Fd, path: String) -> FsResult<()> {
        let _admitted = self.admit(&fd, &path, Last::Link, Aim::Change, Action::Remove).await?;
        let full = self.target(&fd, &path, Last::Link)?;
        let attempt = self.attempt(Action::Remove, full);
        let result = self.inner.remove_directory_at(fd, path).await;
        attempt.settle(result)
    }

    async fn read_directory(&mut self, fd: Fd) -> FsResult<Entries> {
        let path = self.path(&fd, "")?;
        // The engine lists a directory as a whole, into the host's memory.
        if self.tree.listings >= MAX_LISTINGS {
            return Err(hit(self.ledger.hit(LimitKind::Handles)));
        }
        let attempt = self.attempt(Action::List, path);
        let listed = match self.admit_open(&fd, Aim::Look) {
            Ok(listed) => listed,
            Err(error) => return attempt.settle(Err(error)),
        };
        let result = self.inner.read_directory(fd).await;
        self.tree.listings += usize::from(result.is_ok());
        if let (Ok(entries), Some((ruled, place))) = (&result, listed) {
            self.tree.list(entries.rep(), place, ruled);
        }
        attempt.settle(result)
    }

    async fn readlink_at(&mut self, fd: Fd, path: String) -> FsResult<String> {
        let full = self.target(&fd, &path, Last::Link)?;
        let _admitted = self.admit(&fd, &path, Last::Link, Aim::Look, Action::Read).await?;
        let attempt = self.attempt(Action::Read, full);
        let result = self.inner.readlink_at(fd, path).await;
        attempt.settle(result)
    }

    // What follows reads what was opened, which is recorded, or metadata.

    async fn read(&mut self, fd: Fd, length: u64, offset: u64) -> FsResult<(Vec<u8>, bool)> {
        self.inner.read(fd, length, offset).await
    }

    fn read_via_stream(&mut self, fd: Fd, offset: u64) -> FsResult<Resource<DynInputStream>> {
        self.inner.read_via_stream(fd, offset)
    }

    async fn advise(&mut self, fd: Fd, offset: u64, length: u64, advice: Advice) -> FsResult<()> {
        self.inner.advise(fd, offset, length, advice).await
    }

    async fn sync_data(&mut self, fd: Fd) -> FsResult<()> {
        self.inner.sync_data(fd).await
    }

    async fn sync(&mut self, fd: Fd) -> FsResult<()> {
        self.inner.sync(fd).await
    }

    async fn get_flags(&mut self, fd: Fd) -> FsResult<DescriptorFlags> {
        self.inner.get_flags(fd).await
    }

    async fn get_type(&mut self, fd: Fd) -> FsResult<DescriptorType> {
        self.inner.get_type(fd).await
    }

    async fn stat(&mut self, fd: Fd) -> FsResult<DescriptorStat> {
        self.inner.stat(fd).await
    }

    async fn stat_at(&mut self, fd: Fd, flags: PathFlags, path: String) -> FsResult<DescriptorStat> {
        let full = self.path(&fd, &path)?;
        let last = if flags.contains(PathFlags::SYMLINK_FOLLOW) { Last::Follow } else { Last::Link };
        let _admitted = self.admit(&fd, &path, last, Aim::Look, Action::Read).await?;
        let result = self.inner.stat_at(fd, flags, path).await;
        self.refused_look(result, full)
    }

    async fn is_same_object(&mut self, a: Fd, b: Fd) -> wasmtime::Result<bool> {
        self.inner.is_same_object(a, b).await
    }

    async fn metadata_hash(&mut self, fd: Fd) -> FsResult<MetadataHashValue> {
        self.inner.metadata_hash(fd).await
    }

    async fn metadata_hash_at(&mut self, fd: Fd, flags: PathFlags, path: String) -> FsResult<MetadataHashValue> {
        let full = self.path(&fd, &path)?;
        let last = if flags.contains(PathFlags::SYMLINK_FOLLOW) { Last::Follow } else { Last::Link };
        let _admitted = self.admit(&fd, &path, last, Aim::Look, Action::Read).await?;
        let result = self.inner.metadata_hash_at(fd, flags, path).await;
        self.refused_look(result, full)
    }
}

impl HostDirectoryEntryStream for FsDoor<'_> {
    async fn read_directory_entry(&mut self, entries: Entries) -> FsResult<Option<DirectoryEntry>> {
        loop {
            let entry = self.inner.read_directory_entry(Resource::new_borrow(entries.rep())).await?;
            match &entry {
                Some(found) if self.tree.hides(entries.rep(), &found.name) => {}
                _ => return Ok(entry),
            }
        }
    }

    fn drop(&mut self, entries: Entries) -> wasmtime::Result<()> {
        self.tree.listings = self.tree.listings.saturating_sub(1);
        self.tree.listed(entries.rep());
        HostDirectoryEntryStream::drop(&mut self.inner, entries)
    }
}
