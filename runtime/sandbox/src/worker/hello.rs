//! The first thing that a worker is told: what it is for, with the directories and the code as open files.

use super::{
    root::{self, Shown},
    walls::{Wall, Walls},
};
use crate::{
    describe::Description,
    doors::fs::{PathPatterns, Ruled, View},
    mounts::{Opened, Place},
    staged::{About, Staged},
};
use cap_std::fs::Dir;
use policy::Digest;
use rustix::{
    fs::{Mode, OFlags, ResolveFlags, openat2},
    io::Errno,
    net::{
        RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage, SendFlags,
        recvmsg, sendmsg,
    },
};
use serde::{Deserialize, Serialize};
use std::{
    fs::File,
    io::{self, IoSlice, IoSliceMut, Read as _, Write as _},
    mem::MaybeUninit,
    os::{
        fd::{AsFd, BorrowedFd, OwnedFd},
        unix::net::UnixStream,
    },
    path::{Path, PathBuf},
    sync::Arc,
};

/// How many files one message can carry: Linux's `SCM_MAX_FD`.
const MAX_FILES: usize = 253;
/// The longest text: descriptions hold schemas.
const MAX_TEXT: usize = 64 << 20;

/// What a worker is for.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Hello {
    /// The package whose code comes with it; `None` for one that only shows which walls stand.
    pub(super) package: Option<HelloPackage>,
    pub(super) fuel: bool,
    /// Whether its calls may use sockets: then it keeps the host's network, and every address is asked for.
    pub(super) sockets: bool,
    pub(super) mounts: Vec<HelloMount>,
}

/// A package, without its code.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct HelloPackage {
    pub(super) digest: Digest,
    pub(super) description: Box<Description>,
}

/// A root directory; its files come in the order of the mounts.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct HelloMount {
    guest_path: String,
    writes: bool,
    /// The path from which rules count, and the rules.
    #[serde(default)]
    rules: Option<(PathBuf, PathPatterns)>,
    #[serde(default)]
    staged: Option<HelloStaged>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct HelloStaged {
    about: About,
    folder: PathBuf,
    floor: String,
}

/// A directory that a worker may use, and whether it may change it.
pub(super) struct Reach {
    pub(super) directory: OwnedFd,
    pub(super) writes: bool,
}

impl HelloMount {
    pub(super) fn of(mount: &Opened) -> Self {
        let rules = |ruled: &Option<Arc<Ruled>>| ruled.as_ref().map(|ruled| ruled.as_told());
        match &mount.place {
            Place::Directory { writes, ruled, .. } => {
                Self { guest_path: mount.guest_path.clone(), writes: *writes, rules: rules(ruled), staged: None }
            }
            Place::Staged(view) => Self {
                guest_path: mount.guest_path.clone(),
                writes: view.writes,
                rules: rules(&view.ruled),
                staged: Some(HelloStaged {
                    about: view.staged.about().clone(),
                    folder: view.staged.folder().to_owned(),
                    floor: view.floor.clone(),
                }),
            },
        }
    }

    /// Where its directories come to be in the worker's root, below a place of its own.
    fn shown(&self, own: &Path, sent: &[OwnedFd]) -> Result<Vec<Shown>, String> {
        let copy = |sent: &OwnedFd| sent.try_clone().map_err(|error| error.to_string());
        let Some(HelloStaged { floor, .. }) = &self.staged else {
            // As far below the mount's root as it is at the host: rules count from there.
            let at = match &self.rules {
                Some((root, _)) => {
                    let path = root::path_of(&sent[0]).map_err(|error| error.to_string())?;
                    own.join(path.strip_prefix(root).map_err(|_| "a mount is not where its rules count from")?)
                }
                None => own.to_owned(),
            };
            return Ok(vec![Shown { sent: Some(copy(&sent[0])?), top: at.clone(), at, writes: self.writes }]);
        };
        let (base, folder) = (own.join("base"), own.join("changes"));
        // Of the base, no more than the part that is seen.
        let part = Shown { sent: beneath(&sent[0], floor)?, at: base.join(floor), top: base, writes: false };
        Ok(vec![part, Shown { sent: Some(copy(&sent[1])?), top: folder.clone(), at: folder, writes: self.writes }])
    }

    /// From its directories, open; `root` is where its rules count from in this process.
    fn open(self, directories: Vec<OwnedFd>, root: Option<PathBuf>) -> Result<Opened, String> {
        let mut directories = directories.into_iter();
        let mut next = || directories.next().ok_or_else(|| "a directory is missing".to_owned());
        let rules = self.rules;
        let ruled = |top: Option<&Arc<Dir>>| match rules {
            Some((at_host, patterns)) => {
                let rules = patterns.rules().map_err(|error| error.to_string())?;
                Ok::<_, String>(Some(Ruled::new(root.unwrap_or(at_host), patterns, rules, top.cloned())))
            }
            None => Ok(None),
        };
        let place = match self.staged {
            None => {
                let dir = Arc::new(Dir::from_std_file(File::from(next()?)));
                let ruled = ruled(Some(&dir))?;
                Place::Directory { dir, writes: self.writes, ruled }
            }
            Some(HelloStaged { about, folder, floor }) => {
                let staged = Staged::shared(about, folder, [next()?, next()?]).map_err(|error| error.to_string())?;
                Place::Staged(Arc::new(View {
                    staged: Arc::new(staged),
                    floor,
                    writes: self.writes,
                    ruled: ruled(None)?,
                }))
            }
        };
        Ok(Opened { guest_path: self.guest_path, place })
    }
}

/// A directory beneath another, by a path without links; `None` where there is none.
fn beneath(directory: impl AsFd, path: &str) -> Result<Option<OwnedFd>, String> {
    let path = if path.is_empty() { "." } else { path };
    let how = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    match openat2(directory, path, flags, Mode::empty(), how) {
        Ok(found) => Ok(Some(found)),
        Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => Ok(None),
        Err(error) => Err(error.to_string()),
    }
}

/// The directories of a mount, in the order in which they are sent.
fn directories(mount: &Opened) -> io::Result<Vec<OwnedFd>> {
    match &mount.place {
        Place::Directory { dir, .. } => Ok(vec![dir.as_fd().try_clone_to_owned()?]),
        Place::Staged(view) => {
            [view.staged.base(), view.staged.open_folder()].map(|open| open.try_clone_to_owned()).into_iter().collect()
        }
    }
}

/// What the calls in a mount may use, and no more: of a part of a staged mount, that part of both layers.
pub(super) fn reaches(mount: &Opened) -> Result<Vec<Reach>, String> {
    let own = |directory: BorrowedFd<'_>, writes| {
        let directory = directory.try_clone_to_owned().map_err(|error| error.to_string())?;
        Ok::<_, String>(Reach { directory, writes })
    };
    match &mount.place {
        Place::Directory { dir, writes, .. } => Ok(vec![own(dir.as_fd(), *writes)?]),
        Place::Staged(view) => {
            let [files, gone, new] = view.staged.layers_of_changes();
            let mut reaches = vec![own(gone, view.writes)?, own(new, view.writes)?];
            // The base is only ever read.
            for (layer, writes) in [(view.staged.base(), false), (files, view.writes)] {
                reaches.extend(beneath(layer, &view.floor)?.map(|directory| Reach { directory, writes }));
            }
            Ok(reaches)
        }
    }
}

/// Sends it with the code and the mounts.
pub(super) fn send(to: &UnixStream, hello: &Hello, code: Option<BorrowedFd<'_>>, mounts: &[Opened]) -> io::Result<()> {
    let text = serde_json::to_vec(hello)?;
    let length = u32::try_from(text.len()).map_err(io::Error::other)?.to_le_bytes();
    let directories = mounts.iter().map(directories).collect::<io::Result<Vec<_>>>()?;
    let files: Vec<_> = code.into_iter().chain(directories.iter().flatten().map(OwnedFd::as_fd)).collect();
    if files.len() > MAX_FILES {
        return Err(io::Error::other(format!("more than {MAX_FILES} directories for one worker")));
    }
    let mut space = vec![MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MAX_FILES))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    if !files.is_empty() && !control.push(SendAncillaryMessage::ScmRights(&files)) {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    sendmsg(to, &[IoSlice::new(&length)], &mut control, SendFlags::empty())?;
    (&*to).write_all(&text)
}

/// Receives it.
pub(super) fn receive(from: &UnixStream) -> io::Result<(Hello, Vec<OwnedFd>)> {
    let mut length = [0; 4];
    let mut space = vec![MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MAX_FILES))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let got = recvmsg(from, &mut [IoSliceMut::new(&mut length)], &mut control, RecvFlags::CMSG_CLOEXEC)?;
    if got.bytes != length.len() {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    let mut files = control.drain().filter_map(|message| match message {
        RecvAncillaryMessage::ScmRights(files) => Some(files),
        _ => None,
    });
    let files: Vec<OwnedFd> = files.by_ref().flatten().collect();
    let length = usize::try_from(u32::from_le_bytes(length)).unwrap_or(usize::MAX);
    if length > MAX_TEXT {
        return Err(io::ErrorKind::InvalidData.into());
    }
    let mut text = vec![0; length];
    (&*from).read_exact(&mut text)?;
    Ok((serde_json::from_slice(&text)?, files))
}

/// The mounts, as they are used in the worker: in a root of its own, where it has left the host's file systems.
pub(super) fn open(mounts: Vec<HelloMount>, files: Vec<OwnedFd>, walls: &mut Walls) -> Result<Vec<Opened>, String> {
    let mut files = files.into_iter();
    let mut sent = Vec::new();
    for mount in &mounts {
        let count = if mount.staged.is_some() { 2 } else { 1 };
        let own: Vec<_> = files.by_ref().take(count).collect();
        if own.len() != count {
            return Err("a directory is missing".to_owned());
        }
        sent.push(own);
    }
    let places: Vec<_> = (0..mounts.len()).map(|index| PathBuf::from(index.to_string())).collect();
    let mut apart = false;
    if walls.has(Wall::MountNamespace) {
        let shown = mounts.iter().zip(&places).zip(&sent).map(|((mount, own), sent)| mount.shown(own, sent));
        let entered = shown.collect::<Result<Vec<_>, _>>().and_then(|shown| {
            let shown: Vec<_> = shown.into_iter().flatten().collect();
            root::enter(&shown)
        });
        match entered {
            Ok(open) => {
                let mut open = open.into_iter();
                for sent in &mut sent {
                    *sent = open.by_ref().take(sent.len()).collect();
                }
                apart = true;
            }
            Err(why) => {
                // What was sent leads further than it should; everything else does not.
                let _ = root::enter(&[]);
                walls.put(Wall::MountNamespace, Err::<&str, _>(why));
            }
        }
    }
    let root = |own: &Path| apart.then(|| Path::new("/").join(own));
    let opened = mounts.into_iter().zip(&places).zip(sent).map(|((mount, own), sent)| mount.open(sent, root(own)));
    opened.collect()
}
