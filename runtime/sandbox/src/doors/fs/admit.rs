//! Asks a mount's rules about what is about to be done.

use super::{
    Fd, FsDoor, borrow,
    place::{self, Aim, Last, Ruled},
};
use crate::outcome::Action;
use std::sync::Arc;
use wasmtime_wasi::{
    filesystem::Descriptor,
    p2::{
        FsResult,
        bindings::filesystem::types::{DescriptorType, ErrorCode, HostDescriptor, PathFlags},
    },
};

/// What the rules allowed; nothing where there are none.
#[derive(Default)]
pub(super) struct Admitted {
    pub(super) rules: Option<(Arc<Ruled>, String)>,
    _turn: Option<TurnOf>,
}

/// The turn in a mount with rules.
pub(super) struct TurnOf(#[expect(dead_code, reason = "held, not looked at")] tokio::sync::OwnedMutexGuard<()>);

impl TurnOf {
    async fn take(ruled: &Arc<Ruled>) -> Self {
        Self(Arc::clone(&ruled.turn).lock_owned().await)
    }
}

impl FsDoor<'_> {
    /// Asks the rules about a path, where its mount has any; a refusal is recorded. What it gives back keeps others of the
    /// same mount waiting until the operation is over.
    pub(super) async fn admit(
        &mut self,
        fd: &Fd,
        path: &str,
        last: Last,
        aim: Aim,
        action: Action,
    ) -> FsResult<Admitted> {
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
    pub(super) async fn admit_pair(
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
    pub(super) async fn admit_within(
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
    pub(super) async fn verify(&mut self, ruled: &Arc<Ruled>, opened: &Fd, aim: Aim, cuts: bool) -> FsResult<()> {
        let place = match self.inner.table.get(opened)? {
            Descriptor::Dir(dir) => ruled.of_open(&*dir.dir),
            Descriptor::File(file) => ruled.of_open(&*file.file),
        }?;
        ruled.allow(&place, aim)?;
        if cuts { self.inner.set_size(borrow(opened), 0).await } else { Ok(()) }
    }

    /// Where something is that was opened below a handle, links followed.
    pub(super) fn real(&self, fd: &Fd, opened: &Fd) -> Option<String> {
        let place = |fd: &Fd| match self.inner.table.get(fd).ok()? {
            Descriptor::Dir(dir) => place::of_handle(&*dir.dir).ok(),
            Descriptor::File(file) => place::of_handle(&*file.file).ok(),
        };
        let (base, found) = (place(fd)?, place(opened)?);
        Some(self.tree.path(fd.rep(), found.strip_prefix(base).ok()?.to_str()?))
    }

    /// A path for the record of what is about to change: where it really is, whatever links lead there.
    pub(super) fn target(&self, fd: &Fd, relative: &str, last: Last) -> FsResult<String> {
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

    fn place(&self, ruled: &Arc<Ruled>, fd: &Fd, path: &str, last: Last, aim: Aim) -> Result<String, ErrorCode> {
        match self.inner.table.get(fd).map_err(|_| ErrorCode::BadDescriptor)? {
            Descriptor::Dir(dir) => ruled.admit(&*dir.dir, path, last, aim),
            Descriptor::File(_) => Err(ErrorCode::NotDirectory),
        }
    }

    /// Asks the rules about something that is open already.
    pub(super) fn admit_open(&self, fd: &Fd, aim: Aim) -> FsResult<Option<(Arc<Ruled>, String)>> {
        let Some(ruled) = self.tree.ruled(fd.rep()) else { return Ok(None) };
        let place = match self.inner.table.get(fd)? {
            Descriptor::Dir(dir) => ruled.of_open(&*dir.dir),
            Descriptor::File(file) => ruled.of_open(&*file.file),
        }?;
        ruled.allow(&place, aim)?;
        Ok(Some((ruled, place)))
    }
}
