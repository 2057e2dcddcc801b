//! The bar's menu of what goes over between the clipboards, and the question whether to take something.

use egui::{Button, RichText, Ui, WidgetInfo, accesskit::Role};
use lucide_icons::Icon;

use crate::console::theme::{self, palette};
use crate::language::tr;
use crate::model::{Change, Share, Sharing};

use super::{BarView, Request};

/// How sharing stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShareView {
    pub sharing: Sharing,
    /// How it stands, in English.
    pub word: &'static str,
    /// Why nothing goes over although it may.
    pub trouble: Option<String>,
    pub can_give: bool,
    pub can_take: bool,
    /// What the guest copied, if the user may want it.
    pub question: Option<String>,
}

pub fn share_ui(ui: &mut Ui, view: &BarView, requests: &mut Vec<Request>) {
    let Some(share) = &view.share else {
        return;
    };
    let colors = palette(ui);
    let (glyph, color) = match (&share.trouble, share.sharing.is_off()) {
        (Some(_), _) => (Icon::ClipboardX, colors.warn),
        (None, true) => (Icon::Clipboard, colors.dim),
        (None, false) => (Icon::ClipboardCheck, colors.leaf),
    };
    let word = tr(share.word);
    let glyph = RichText::new(char::from(glyph))
        .font(theme::icons(16.0))
        .color(color);
    let menu = ui.menu_button(glyph, |ui| menu_ui(ui, share, requests));
    let response = menu.response;
    response.widget_info(|| WidgetInfo::labeled(Role::Button, true, word));
    response.on_hover_text(match &share.trouble {
        Some(why) => format!("{word}. {why}"),
        None => word.to_owned(),
    });
    if let Some(question) = &share.question {
        let text = RichText::new(tr("Take it")).color(colors.on_accent);
        let button = ui.add(Button::new(text).fill(colors.accent));
        if button
            .on_hover_text(tr("Take it into your clipboard?"))
            .clicked()
        {
            requests.push(Request::TakeClipboard);
        }
        ui.label(RichText::new(question).size(12.5).color(colors.text));
    }
}

fn menu_ui(ui: &mut Ui, share: &ShareView, requests: &mut Vec<Request>) {
    ui.set_min_width(260.0);
    ui.set_max_width(320.0);
    if let Some(why) = &share.trouble {
        let text = RichText::new(why).color(palette(ui).warn);
        ui.add(egui::Label::new(text).wrap());
        ui.separator();
    }
    for (allowed, word, request) in [
        (
            share.can_give,
            tr("Give the guest my clipboard"),
            Request::GiveClipboard,
        ),
        (
            share.can_take,
            tr("Take what was copied in the guest"),
            Request::TakeClipboard,
        ),
    ] {
        if ui.add_enabled(allowed, Button::new(word)).clicked() {
            requests.push(request);
            ui.close();
        }
    }
    let Sharing {
        to_guest,
        from_guest,
    } = share.sharing;
    let to = tr("To the guest: my clipboard, and files I drop on its screen");
    choices_ui(ui, to, to_guest, Share::to_guest_label, |share| {
        requests.push(Request::Change(Change::ShareToGuest(share)));
    });
    let from = tr("From the guest: what is copied in it");
    choices_ui(ui, from, from_guest, Share::from_guest_label, |share| {
        requests.push(Request::Change(Change::ShareFromGuest(share)));
    });
}

fn choices_ui(
    ui: &mut Ui,
    title: &str,
    now: Share,
    label: fn(Share) -> &'static str,
    mut choose: impl FnMut(Share),
) {
    ui.separator();
    let title = RichText::new(title).size(12.5).color(palette(ui).dim);
    ui.add(egui::Label::new(title).wrap());
    for share in Share::ALL {
        if ui.radio(now == share, tr(label(share))).clicked() && now != share {
            choose(share);
            ui.close();
        }
    }
}
