//! The first thing that a worker is told: what it is for, with the directories and the code as open files.

use crate::{
    describe::Description,
    doors::fs::{PathPatterns, Ruled, View},
    mounts::{Opened, Place},
    staged::{About, Staged},
};
use cap_std::fs::Dir;
use policy::Digest;
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage, SendFlags,
    recvmsg, sendmsg,
};
use serde::{Deserialize, Serialize};
use std::{
    fs::File,
    io::{self, IoSlice, IoSliceMut, Read as _, Write as _},
    mem::MaybeUninit,
    os::{
        fd::{AsFd as _, BorrowedFd, OwnedFd},
        unix::net::UnixStream,
    },
    path::PathBuf,
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
pub(super) struct Reach<'a> {
    pub(super) directory: BorrowedFd<'a>,
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

    fn open(self, files: &mut impl Iterator<Item = OwnedFd>) -> Result<Opened, String> {
        let mut next = || files.next().ok_or_else(|| "a directory is missing".to_owned());
        let rules = self.rules;
        let ruled = |top: Option<&Arc<Dir>>| match rules {
            Some((root, patterns)) => {
                let rules = patterns.rules().map_err(|error| error.to_string())?;
                Ok::<_, String>(Some(Ruled::new(root, patterns, rules, top.cloned())))
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
                let layers = [next()?, next()?, next()?, next()?];
                let staged = Staged::shared(about, folder, layers).map_err(|error| error.to_string())?;
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

/// The open directories of a mount, in the order in which they are sent.
pub(super) fn directories(mount: &Opened) -> Vec<Reach<'_>> {
    match &mount.place {
        Place::Directory { dir, writes, .. } => vec![Reach { directory: dir.as_fd(), writes: *writes }],
        // The base is only ever read.
        Place::Staged(view) => {
            let [base, layers @ ..] = view.staged.layers();
            let changed = layers.map(|layer| Reach { directory: layer, writes: true });
            std::iter::once(Reach { directory: base, writes: false }).chain(changed).collect()
        }
    }
}

/// Sends it with the code and the mounts.
pub(super) fn send(to: &UnixStream, hello: &Hello, code: Option<BorrowedFd<'_>>, mounts: &[Opened]) -> io::Result<()> {
    let text = serde_json::to_vec(hello)?;
    let length = u32::try_from(text.len()).map_err(io::Error::other)?.to_le_bytes();
    let files: Vec<_> =
        code.into_iter().chain(mounts.iter().flat_map(directories).map(|reach| reach.directory)).collect();
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

/// The mounts, as they are used in the worker.
pub(super) fn open(mounts: Vec<HelloMount>, files: Vec<OwnedFd>) -> Result<Vec<Opened>, String> {
    let mut files = files.into_iter();
    mounts.into_iter().map(|mount| mount.open(&mut files)).collect()
}
