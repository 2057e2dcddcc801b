//! The clipboards of this computer and of the guest, and files dropped on the window.

use std::path::PathBuf;
use std::time::Instant;

use crate::desktop::{Clipboard, ClipboardNews, Copier};
use crate::display::Input;
use crate::display::keys::{Fate, PasteKeys};
use crate::engine::message::Command;
use crate::engine::relay::{Do, Relay};
use crate::language::{fill, told, tr};
use crate::model::{Answer, Clip, ClipKind, Failure, Share, Typing};

use super::bar::{Message, ShareView};
use super::session::{Session, told_failure};

/// What the engine answered to requests of ours.
#[derive(Debug)]
pub enum ShareNews {
    Offered(Result<Answer, Failure>),
    Taken(Result<Clip, Failure>),
}

/// What the window shares with its guest.
pub struct Sharing {
    relay: Relay,
    pastes: PasteKeys,
    clipboard: Clipboard,
    /// The guest copied that, and the user may want it.
    question: Option<ClipKind>,
    dropped: Vec<PathBuf>,
}

impl Sharing {
    /// `wake` is called when [`Self::follow`] has something to do.
    pub fn new(wake: impl Fn() + Send + 'static) -> Self {
        Self {
            relay: Relay::default(),
            pastes: PasteKeys::default(),
            clipboard: Clipboard::new(wake),
            question: None,
            dropped: Vec::new(),
        }
    }

    /// Sends what goes to the guest, but holds back the keys that paste until its clipboard is filled.
    pub fn send(&mut self, session: &mut Session, inputs: Vec<Input>) {
        for input in inputs {
            let fate = match input {
                Input::Key { code, down } => self.pastes.key(code, down),
                _ => Fate::Pass,
            };
            match fate {
                Fate::Pass => session.send(input),
                Fate::Held => {}
                Fate::Paste => {
                    let todo = self.relay.paste(Instant::now());
                    self.do_all(session, todo);
                }
            }
        }
    }

    /// All keys are up in the guest.
    pub fn forget_keys(&mut self) {
        self.pastes.forget();
    }

    /// A file dropped on the window; several come one by one.
    pub fn drop_file(&mut self, path: PathBuf) {
        self.dropped.push(path);
    }

    /// Lets the relay see what changed, and does what it says. True if the bar has to be drawn again.
    pub fn follow(&mut self, session: &mut Session, focused: bool) -> bool {
        let (now, before) = (Instant::now(), self.question);
        let live = session.is_live();
        let report = session.report().filter(|_| live);
        let mut todo = self.relay.see(report, now);
        todo.extend(self.relay.focus(focused, now));
        self.pastes.wanted = self.relay.wants_paste();
        for news in std::mem::take(&mut session.share_news) {
            todo.extend(match news {
                ShareNews::Offered(answer) => self.relay.offered(answer, now),
                ShareNews::Taken(clip) => self.relay.taken(clip),
            });
        }
        while let Some(news) = self.clipboard.take() {
            todo.extend(match news {
                ClipboardNews::Read(read) => self.relay.ours(read),
                ClipboardNews::Written(written) => self.relay.written(written),
                ClipboardNews::Text(text) => {
                    type_text(session, text);
                    Vec::new()
                }
            });
        }
        todo.extend(self.relay.tick(now));
        let any = !todo.is_empty();
        self.do_all(session, todo);
        if !self.dropped.is_empty() {
            let files = std::mem::take(&mut self.dropped);
            session.ask(|machine| Command::SendFiles { machine, files });
            return true;
        }
        any || before != self.question
    }

    /// When [`Self::follow`] has something to do by the clock.
    pub fn due(&self) -> Option<Instant> {
        self.relay.due()
    }

    /// Our clipboard goes to the guest.
    pub fn give(&mut self, session: &mut Session) {
        let todo = self.relay.give(Instant::now());
        self.do_all(session, todo);
    }

    /// Our clipboard's text is typed, once it is known.
    pub fn type_clipboard(&mut self, session: &mut Session) {
        if !self.clipboard.read_text() {
            type_text(session, Err(tr("It does not answer").to_owned()));
        }
    }

    /// For pictures of ours that go into our clipboard.
    pub fn copier(&mut self) -> Option<Copier> {
        self.clipboard.copier()
    }

    /// What was copied in the guest comes into our clipboard.
    pub fn take(&mut self, session: &mut Session) {
        let todo = self.relay.take();
        self.do_all(session, todo);
    }

    fn do_all(&mut self, session: &mut Session, todo: Vec<Do>) {
        for one in todo {
            match one {
                Do::Read => {
                    if !self.clipboard.read() {
                        let todo = self.relay.busy();
                        self.do_all(session, todo); // That reads no more.
                    }
                }
                Do::Write(clip) => {
                    self.clipboard.write(clip);
                    session.say(Message::Done(
                        tr("What was copied in the guest is in your clipboard").to_owned(),
                    ));
                }
                Do::Engine(command) => session.ask(|_| command),
                Do::LetKeysGo => {
                    for (code, down) in self.pastes.let_go() {
                        session.send(Input::Key { code, down });
                    }
                }
                Do::Ask(kind) => self.question = Some(kind),
                Do::Unask => self.question = None,
                Do::Given => {
                    session.say(Message::Done(tr("The guest has your clipboard").to_owned()))
                }
                Do::Tell(failure) => session.say(Message::Trouble(told_failure(&failure))),
            }
        }
    }

    /// What the bar says and offers; nothing while the machine does not run.
    pub fn view(&self, session: &Session) -> Option<ShareView> {
        let report = session.report()?;
        let (agent, machine) = (report.agent.as_ref()?, report.machine.as_ref()?);
        let sharing = machine.sharing;
        let trouble = agent.state.trouble().filter(|_| !sharing.is_off());
        let ready = trouble.is_none() && session.no_engine().is_none();
        let suffers = agent.state.label().filter(|_| trouble.is_some());
        let word = suffers.unwrap_or(sharing.label());
        Some(ShareView {
            sharing,
            word,
            trouble: trouble.map(|why| told(why).into_owned()),
            can_give: ready && sharing.to_guest != Share::Off,
            can_take: ready && sharing.from_guest != Share::Off && agent.offers.is_some(),
            question: self
                .question
                .map(|kind| fill(kind.was_copied(), &[("name", &report.name)])),
        })
    }
}

/// Has the engine type what the clipboard holds, or says why not.
fn type_text(session: &mut Session, text: Result<Option<String>, String>) {
    let caps_lock = session.info.leds.is_some_and(|leds| leds.caps_lock);
    match text {
        Ok(Some(text)) if text.chars().count() <= Typing::MAX_TEXT => {
            session.ask(|machine| Command::TypeText {
                machine,
                typing: Typing {
                    caps_lock,
                    ..Typing::new(text)
                },
            });
        }
        Ok(Some(_)) => {
            let text = "The clipboard's text is too long to be typed: {limit} characters at most";
            let limit = fill(text, &[("limit", &Typing::MAX_TEXT)]);
            session.say(Message::Trouble(limit));
        }
        Ok(None) => {
            let text = tr("There is no text in your clipboard to type");
            session.say(Message::Trouble(text.to_owned()));
        }
        Err(why) => {
            let text = "Your clipboard could not be read: {why}";
            session.say(Message::Trouble(fill(text, &[("why", &told(&why))])));
        }
    }
}
