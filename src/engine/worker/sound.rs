//! The machine's sound: the owner plays it, whether or not anybody looks at the screen.

use std::os::unix::net::UnixStream;

use super::Worker;
use crate::engine::sound::Sound;
use crate::model::{DeviceKind, SoundSettings, SoundState};
use crate::qemu::command_line;

impl Worker {
    /// Begins to listen, before anybody else has the controls of QEMU's display: who comes later takes them.
    pub(super) fn open_sound(&mut self) {
        self.sound = self.opened_sound();
        self.live.sound = self.sound.report();
    }

    fn opened_sound(&self) -> Sound {
        if !self
            .machine
            .has(|kind| matches!(kind, DeviceKind::Sound(_)))
        {
            return Sound::absent(SoundState::NoCard);
        }
        if !command_line::passes_sound(&self.process.manifest().args) {
            return Sound::absent(SoundState::NoWay);
        }
        let record = self.post.library.machine(self.post.id);
        let settings = record.map_or(self.machine.sound, |record| record.sound);
        let opened = self
            .connect_dbus()
            .map_err(|failure| failure.why)
            .and_then(|socket| {
                Sound::open(&self.post.name, UnixStream::from(socket), settings)
                    .map_err(|error| error.to_string())
            });
        opened.unwrap_or_else(|why| {
            eprintln!("orangery: {}: no sound: {why}", self.post.id);
            Sound::absent(SoundState::Unavailable(why))
        })
    }

    pub(super) fn hear(&self, settings: SoundSettings) {
        self.sound.set(settings);
    }

    /// Something else is heard than before.
    pub(super) fn sound_changed(&mut self) {
        self.live.sound = self.sound.report();
        self.publish();
    }
}
