//! The clipboard and dropped files: what goes through the agent in the guest's desktop.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crossbeam_channel::{Receiver, Sender, bounded};
use serde_json::{Value, json};

use super::{PATIENCE, Post, Worker};
use crate::engine::hub::Asker;
use crate::engine::jobs::{Cancelled, Job};
use crate::engine::parcel::{self, Parcel};
use crate::engine::supervisor::Message;
use crate::guest::spice::{Agent, FileSender, SendError};
use crate::model::{AgentState, Answer, Clip, ClipKind, DesktopAgent, Failure};
use crate::qemu::command_line::SPICE_AGENT;
use crate::qemu::process::Process;

/// The longest name of a file that any file system takes, in bytes.
const MAX_NAME: usize = 255;

/// Something for the agent.
pub enum ToAgent {
    Offer { kind: ClipKind, content: Parcel },
    Take,
    Send { files: Vec<PathBuf>, job: Box<Job> },
}

/// A worker's line to the agent.
pub(super) struct Line {
    agent: Result<Agent, String>,
    /// The agent's report changed.
    pub(super) news: Receiver<()>,
    /// Without a sender there would be no end of news.
    _sender: Sender<()>,
}

impl Line {
    pub(super) fn new(process: &Process) -> Self {
        let (sender, news) = bounded(1); // One is enough: the report is looked at whole.
        let socket = process.manifest().sockets.spice_agent.clone();
        let telling = sender.clone();
        let agent = Agent::start(socket, move || {
            telling.try_send(()).ok(); // It is on its way already, or the worker is gone.
        });
        Self {
            agent: agent.map_err(|error| error.to_string()),
            news,
            _sender: sender,
        }
    }

    pub(super) fn report(&self) -> DesktopAgent {
        match &self.agent {
            Ok(agent) => agent.report(),
            Err(why) => DesktopAgent {
                state: AgentState::Broken(why.clone()),
                offers: None,
            },
        }
    }

    pub(super) fn tick(&self) {
        if let Ok(agent) = &self.agent {
            agent.tick();
        }
    }

    pub(super) fn port(&self, open: bool) {
        if let Ok(agent) = &self.agent {
            agent.port(open);
        }
    }
}

impl Worker {
    /// Whether the guest has its end of the channel open: told by an event when it changes, asked for once.
    pub(super) fn look_at_agent(&mut self) {
        let chardevs = self.qmp.call_raw("query-chardev", json!({}), PATIENCE);
        let ours = format!("{SPICE_AGENT}-socket");
        let open = chardevs.is_ok_and(|chardevs| {
            let mut all = chardevs.as_array().into_iter().flatten();
            all.any(|one| one["label"] == ours.as_str() && one["frontend-open"] == true)
        });
        self.line.port(open);
        self.live.agent = Some(self.line.report());
    }

    /// `VSERPORT_CHANGE` (qapi/char.json).
    pub(super) fn port_changed(&self, data: &Value) {
        if data["id"] == SPICE_AGENT {
            self.line.port(data["open"] == true);
        }
    }

    pub(super) fn agent_changed(&mut self) {
        self.live.agent = Some(self.line.report());
        self.publish();
    }

    pub(super) fn to_agent(&self, what: ToAgent, asker: Asker) {
        let agent = match &self.line.agent {
            Ok(agent) => agent,
            Err(why) => {
                return self.post.answer(asker, Err(refusal(&self.post, why)));
            }
        };
        match what {
            ToAgent::Offer { kind, content } => self.offer(agent, kind, &content, asker),
            ToAgent::Take => {
                let post = Arc::clone(&self.post);
                agent.take(move |taken| {
                    let what = format!("{}: its clipboard was not taken over", post.name);
                    let packed = taken.map_err(|error| error.to_string()).and_then(|clip| {
                        let packed = parcel::pack(&clip.bytes);
                        let packed = packed.map_err(|error| error.to_string())?;
                        Ok((clip.kind, packed))
                    });
                    let packed = packed.map_err(|why| Failure::new(what, why));
                    let machine = post.id;
                    let (answer, fd) = match packed {
                        Ok((kind, fd)) => (Ok(Answer::Clipboard { machine, kind }), Some(fd)),
                        Err(failure) => (Err(failure), None),
                    };
                    post.tell(Message::Answer(asker, answer, fd));
                });
            }
            ToAgent::Send { files, job } => {
                let (sender, post) = (agent.files(), Arc::clone(&self.post));
                let work = move || send_all(&sender, &post, &files, *job, asker);
                let thread = std::thread::Builder::new().name("send files".to_owned());
                if let Err(error) = thread.spawn(work) {
                    // The job went with the thread and tells by itself that it was cut off.
                    let failure = refusal(&self.post, &error.to_string());
                    self.post.answer(asker, Err(failure));
                }
            }
        }
    }

    fn offer(&self, agent: &Agent, kind: ClipKind, content: &Parcel, asker: Asker) {
        let what = format!("{} did not get the clipboard", self.post.name);
        let bytes = content
            .unpack(kind.limit().0)
            .map_err(|error| error.to_string());
        let clip = bytes.and_then(|bytes| match kind {
            ClipKind::Text if std::str::from_utf8(&bytes).is_err() => {
                Err("It is no text".to_owned())
            }
            ClipKind::Text | ClipKind::Image => Ok(Clip {
                kind,
                bytes: bytes.into(),
            }),
        });
        let post = Arc::clone(&self.post);
        let told = move |changed: bool| {
            let answer = if changed {
                Answer::Done
            } else {
                Answer::Unchanged
            };
            post.answer(asker, Ok(answer));
        };
        let offered = clip.and_then(|clip| {
            let offered = agent.offer(clip, told);
            offered
                .then_some(())
                .ok_or_else(|| trouble(&agent.report()))
        });
        if let Err(why) = offered {
            self.post.answer(asker, Err(Failure::new(what, why)));
        }
    }
}

/// What is wrong with an agent that did not do it.
fn trouble(report: &DesktopAgent) -> String {
    let why = report.state.trouble();
    why.unwrap_or("The agent in the guest can't do that")
        .to_owned()
}

fn refusal(post: &Post, why: &str) -> Failure {
    Failure::new(format!("{}: its agent did not do it", post.name), why)
}

/// Sends one file after the other; what is there stays there if a later one fails.
fn send_all(sender: &FileSender, post: &Post, files: &[PathBuf], mut job: Job, asker: Asker) {
    let result = files
        .iter()
        .try_for_each(|path| send_one(sender, post, path, &mut job));
    job.end(result.clone());
    post.answer(asker, result.map(|()| Answer::Done));
}

fn send_one(sender: &FileSender, post: &Post, path: &Path, job: &mut Job) -> Result<(), Failure> {
    let name = guest_name(path);
    let what = format!("{name} did not reach {}", post.name);
    let (mut file, size) = open(path).map_err(|why| Failure::new(&what, why))?;
    let mut progress = |sent: u64| job.progress(&name, sent, size).is_ok();
    match sender.send(&name, size, &mut file, &mut progress) {
        Ok(()) => Ok(()),
        Err(SendError::Cancelled) => Err(Cancelled.into()),
        Err(error) => Err(Failure::new(what, error.to_string())),
    }
}

/// A file and its size. Anything else is refused: reading a pipe would wait for ever.
fn open(path: &Path) -> Result<(File, u64), String> {
    let nonblocking = i32::try_from(rustix::fs::OFlags::NONBLOCK.bits()).unwrap_or_default();
    let opened = OpenOptions::new()
        .read(true)
        .custom_flags(nonblocking)
        .open(path);
    let file = opened.map_err(|error| format!("It can't be read: {error}"))?;
    let found = file
        .metadata()
        .map_err(|error| format!("It can't be read: {error}"))?;
    if found.is_dir() {
        return Err("It is a folder; pack it into one file first".to_owned());
    }
    if !found.is_file() {
        return Err("It is not a file".to_owned());
    }
    Ok((file, found.len()))
}

/// The name that a file gets in the guest: one that no file system or agent takes for something else.
fn guest_name(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let safe = name.chars().map(|c| match c {
        '/' | '\\' | ':' | '*' | '?' | '"' | '<' | '>' | '|' => '_',
        c if c.is_control() => '_',
        c => c,
    });
    let mut safe: String = safe.collect();
    let mut end = safe.len().min(MAX_NAME);
    while !safe.is_char_boundary(end) {
        end -= 1;
    }
    safe.truncate(end);
    let trimmed = safe.trim_start_matches(['.', ' ']);
    match (trimmed.is_empty(), trimmed.len() == safe.len()) {
        (true, _) => "file".to_owned(),
        (false, true) => safe,
        (false, false) => format!("_{trimmed}"), // Not hidden, and not the folder above.
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_gets_a_name_that_is_only_a_name() {
        let name = |path: &str| guest_name(Path::new(path));
        assert_eq!(
            name("/home/me/Ferienfotos März.zip"),
            "Ferienfotos März.zip"
        );
        assert_eq!(
            name("/x/..\\..\\evil\n[b]"),
            "_\\..\\evil\n[b]".replace(['\\', '\n'], "_")
        );
        assert_eq!(name("/x/.hidden"), "_hidden");
        assert_eq!(name("/x/.."), "file");
        assert_eq!(name("/x/c:con|?"), "c_con__");
        assert!(name(&format!("/{}", "ä".repeat(200))).len() <= 255);
    }
}
