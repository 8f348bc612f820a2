//! Files. Wraps the engine's file system host, which confines paths to mounts and keeps read-only mounts read-only;
//! here every access is recorded, and what is written and created is counted.

mod admit;
mod attempt;
mod place;
mod rules;
mod stream;
mod tree;
mod view;

pub(crate) use place::Ruled;
pub use rules::{PathPatterns, PatternRefused};
pub(crate) use tree::{Root, Tree};
pub(crate) use view::View;

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

    /// Something is about to be tried.
    fn attempt(&self, action: Action, path: String) -> Attempt {
        self.attempt_of(Effect::new(action, path))
    }

    fn attempt_pair(&self, action: Action, from: String, to: String) -> Attempt {
        self.attempt_of(Effect { to: Some(to), ..Effect::new(action, from) })
    }

    fn attempt_of(&self, effect: Effect) -> Attempt {
        Attempt::new(self.ledger, effect)
    }

    /// What stands at a path before it is opened; `None` where there is nothing.
    async fn before(&mut self, fd: &Fd, flags: PathFlags, path: &str) -> FsResult<Option<DescriptorType>> {
        // The kernel says so at once; what it refuses, the engine refuses by its own words, after asking another thread.
        if let Descriptor::Dir(dir) = self.inner.table.get(fd)?
            && let Some(stands) = place::stands(&*dir.dir, path, flags.contains(PathFlags::SYMLINK_FOLLOW))
        {
            return Ok(stands);
        }
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
        if let Some(at) = self.tree.at(fd.rep()) {
            return self.open_staged(at, (path_flags, &path, full), open_flags, flags).await;
        }
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
        if let Some(at) = self.tree.at(fd.rep()) {
            return self.set_times_staged(at, (PathFlags::empty(), None, path), accessed, modified).await;
        }
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
        let named = self.path(&fd, &path)?;
        if let Some(at) = self.tree.at(fd.rep()) {
            return self.set_times_staged(at, (flags, Some(&path), named), accessed, modified).await;
        }
        let last = if flags.contains(PathFlags::SYMLINK_FOLLOW) { Last::Follow } else { Last::Link };
        let full = self.target(&fd, &path, last)?;
        let _admitted = self.admit(&fd, &path, last, Aim::Change, Action::Write).await?;
        let attempt = self.attempt(Action::Write, full);
        let result = self.inner.set_times_at(fd, flags, path, accessed, modified).await;
        attempt.settle(result)
    }

    async fn create_directory_at(&mut self, fd: Fd, path: String) -> FsResult<()> {
        let named = self.path(&fd, &path)?;
        if let Some(at) = self.tree.at(fd.rep()) {
            return self.create_directory_staged(at, &path, named).await;
        }
        let _admitted = self.admit(&fd, &path, Last::New, Aim::Change, Action::Create).await?;
        self.ledger.create().map_err(hit)?;
        let full = self.target(&fd, &path, Last::Link)?;
        let attempt = self.attempt(Action::Create, full);
        let result = self.inner.create_directory_at(fd, path).await;
        attempt.settle(result)
    }

    async fn symlink_at(&mut self, fd: Fd, target: String, path: String) -> FsResult<()> {
        let named = self.path(&fd, &path)?;
        if let Some(at) = self.tree.at(fd.rep()) {
            return self.symlink_staged(at, &target, &path, named).await;
        }
        let _admitted = self.admit(&fd, &path, Last::New, Aim::Change, Action::Create).await?;
        self.ledger.create().map_err(hit)?;
        let full = self.target(&fd, &path, Last::Link)?;
        let attempt = self.attempt(Action::Create, full);
        let result = self.inner.symlink_at(fd, target, path).await;
        attempt.settle(result)
    }

    async fn link_at(&mut self, fd: Fd, flags: PathFlags, path: String, to_fd: Fd, to: String) -> FsResult<()> {
        let (from_full, to_full) = (self.path(&fd, &path)?, self.path(&to_fd, &to)?);
        let (at, to_at) = (self.tree.at(fd.rep()), self.tree.at(to_fd.rep()));
        if let Some(at) = at {
            return self.link_staged(at, (flags, &path, from_full), (to_at, &to, to_full)).await;
        }
        if to_at.is_some() {
            return self.attempt_pair(Action::Link, from_full, to_full).settle(Err(ErrorCode::CrossDevice.into()));
        }
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
        let (from_named, to_named) = (self.path(&fd, &path)?, self.path(&to_fd, &to)?);
        let (at, to_at) = (self.tree.at(fd.rep()), self.tree.at(to_fd.rep()));
        if let Some(at) = at {
            return self.rename_staged(at, (&path, from_named), (to_at, &to, to_named)).await;
        }
        if to_at.is_some() {
            return self.attempt_pair(Action::Rename, from_named, to_named).settle(Err(ErrorCode::CrossDevice.into()));
        }
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
        let named = self.path(&fd, &path)?;
        if let Some(at) = self.tree.at(fd.rep()) {
            return self.remove_staged(at, &path, named, false).await;
        }
        let _admitted = self.admit(&fd, &path, Last::Link, Aim::Change, Action::Remove).await?;
        let full = self.target(&fd, &path, Last::Link)?;
        let attempt = self.attempt(Action::Remove, full);
        let result = self.inner.unlink_file_at(fd, path).await;
        attempt.settle(result)
    }

    async fn remove_directory_at(&mut self, fd: Fd, path: String) -> FsResult<()> {
        let named = self.path(&fd, &path)?;
        if let Some(at) = self.tree.at(fd.rep()) {
            return self.remove_staged(at, &path, named, true).await;
        }
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
        if let Some(at) = self.tree.at(fd.rep()) {
            return match self.list_staged(&at).await {
                Ok(listed) => {
                    // The engine's kind of listing cannot be made here: it lists a directory that is open, and says what ours says.
                    let result = self.inner.read_directory(fd).await;
                    if let Ok(entries) = &result {
                        self.tree.listings += 1;
                        self.tree.list_staged(entries.rep(), listed);
                    }
                    attempt.settle(result)
                }
                Err(error) => attempt.settle(Err(error)),
            };
        }
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
        let named = self.path(&fd, &path)?;
        if let Some(at) = self.tree.at(fd.rep()) {
            return self.readlink_staged(at, &path, named).await;
        }
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
        if let Some(at) = self.tree.at(fd.rep()) {
            return self.stat_staged(at, flags, &path, full).await;
        }
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
        if let Some(at) = self.tree.at(fd.rep()) {
            return self.hash_staged(at, flags, &path, full).await;
        }
        let last = if flags.contains(PathFlags::SYMLINK_FOLLOW) { Last::Follow } else { Last::Link };
        let _admitted = self.admit(&fd, &path, last, Aim::Look, Action::Read).await?;
        let result = self.inner.metadata_hash_at(fd, flags, path).await;
        self.refused_look(result, full)
    }
}

impl HostDirectoryEntryStream for FsDoor<'_> {
    async fn read_directory_entry(&mut self, entries: Entries) -> FsResult<Option<DirectoryEntry>> {
        if let Some(listed) = self.tree.next_staged(entries.rep()) {
            return Ok(listed);
        }
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
