//! The menu behind the badge: how the picture is shown.

use egui::{Button, RichText, Ui};

use super::{BarView, Request};
use crate::console::theme::palette;
use crate::language::{fill, tr};
use crate::model::{Drawing, ScreenSettings, Zoom};

/// The badge in the bar says how the picture is shown; a click opens the menu.
pub(super) fn badge_ui(ui: &mut Ui, view: &BarView, requests: &mut Vec<Request>) {
    let menu = ui.menu_button(&view.badge, |ui| menu_ui(ui, view, requests));
    menu.response
        .on_hover_text(tr("How the picture is shown: size, following, figures"));
}

fn menu_ui(ui: &mut Ui, view: &BarView, requests: &mut Vec<Request>) {
    ui.set_min_width(260.0);
    let mut look = view.look;
    for zoom in Zoom::ALL {
        let button = Button::selectable(look.zoom == zoom, tr(zoom.label()));
        if ui.add(button).on_hover_text(tr(zoom.explain())).clicked() {
            look.zoom = zoom;
        }
    }
    ui.separator();
    switches_ui(ui, view, &mut look);
    monitors_ui(ui, view, requests);
    heads_ui(ui, view, requests);
    ui.separator();
    ui.menu_button(tr("Drawing"), |ui| {
        for drawing in Drawing::ALL {
            let button = Button::selectable(look.drawing == drawing, tr(drawing.label()));
            if ui.add(button).clicked() {
                look.drawing = drawing;
            }
        }
    });
    if look != view.look {
        requests.push(Request::Choose(look));
        ui.close();
    }
}

fn switches_ui(ui: &mut Ui, view: &BarView, look: &mut ScreenSettings) {
    let mixable = matches!(look.zoom, Zoom::Fit | Zoom::Stretch);
    ui.add_enabled_ui(mixable, |ui| {
        ui.checkbox(&mut look.smooth, tr("Smooth"))
            .on_hover_text(tr("Mixes colours; without it each pixel stays sharp"))
            .on_disabled_hover_text(tr("Whole multiples are always sharp"));
    });
    ui.checkbox(&mut look.follow, tr("The guest follows the window"))
        .on_hover_text(tr("Asks the guest for the size that the window has"));
    if look.follow {
        let text = RichText::new(&view.following).size(12.0);
        ui.indent("following", |ui| {
            ui.label(text.color(palette(ui).dim));
        });
    }
    ui.checkbox(&mut look.figures, tr("Figures over the picture"))
        .on_hover_text(tr("Frames a second, and how long a key takes to be seen"));
}

fn monitors_ui(ui: &mut Ui, view: &BarView, requests: &mut Vec<Request>) {
    if view.monitors.len() < 2 {
        return;
    }
    ui.separator();
    for (number, name) in view.monitors.iter().enumerate() {
        let text = fill("Full screen on {monitor}", &[("monitor", name)]);
        if ui.button(text).clicked() {
            requests.push(Request::FullScreenOn(number));
            ui.close();
        }
    }
}

fn heads_ui(ui: &mut Ui, view: &BarView, requests: &mut Vec<Request>) {
    ui.separator();
    let mut ask = |ui: &mut Ui, request| {
        requests.push(request);
        ui.close();
    };
    if view.heads > 1 {
        for head in 0..view.heads {
            let text = numbered("The guest's screen {number}", head);
            let button = Button::selectable(head == view.head, text);
            if ui.add(button).clicked() {
                ask(ui, Request::Head(head));
            }
        }
    }
    for &head in view.free_heads.iter().filter(|_| view.heads > 1) {
        let text = numbered("Open screen {number} in its own window", head);
        let button = ui.add_enabled(view.no_engine.is_none(), Button::new(text));
        if button.clicked() {
            ask(ui, Request::OpenHeads(vec![head]));
        }
        button.on_disabled_hover_text(view.no_engine.unwrap_or_default());
    }
    let grey = if view.heads < 2 {
        Some(tr(
            "This machine has one screen. Add one under Hardware → Display.",
        ))
    } else if view.no_engine.is_some() {
        view.no_engine
    } else {
        let none = view.free_heads.is_empty();
        none.then(|| tr("Each screen has a window already"))
    };
    let button = Button::new(tr("A window for each screen"));
    let button = ui.add_enabled(grey.is_none(), button);
    if button.clicked() {
        ask(ui, Request::OpenHeads(view.free_heads.clone()));
    }
    button.on_disabled_hover_text(grey.unwrap_or_default());
}

fn numbered(text: &'static str, head: u32) -> String {
    fill(text, &[("number", &(head + 1))])
}
