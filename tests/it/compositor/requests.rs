//! What clients ask for.

use std::fs::File;
use std::sync::Arc;

use wayland_server::backend::ObjectId;
use wayland_server::protocol::{
    wl_buffer::WlBuffer,
    wl_callback::WlCallback,
    wl_compositor::{self, WlCompositor},
    wl_output::{self, WlOutput},
    wl_region::WlRegion,
    wl_shm::{self, WlShm},
    wl_shm_pool::{self, WlShmPool},
    wl_subcompositor::{self, WlSubcompositor},
    wl_subsurface::{self, WlSubsurface},
    wl_surface::{self, WlSurface},
};
use wayland_server::{Client, DataInit, Dispatch, DisplayHandle, GlobalDispatch, New, Resource};

use super::protocols::fractional_scale::{
    wp_fractional_scale_manager_v1::{self, WpFractionalScaleManagerV1},
    wp_fractional_scale_v1::WpFractionalScaleV1,
};
use super::protocols::viewporter::{
    wp_viewport::{self, WpViewport},
    wp_viewporter::{self, WpViewporter},
};
use super::protocols::xdg_shell::{
    xdg_surface::{self, XdgSurface},
    xdg_toplevel::{self, XdgToplevel},
    xdg_wm_base::{self, XdgWmBase},
};
use super::surface::{Pixels, Scene, State, adopt, attached, orphan};

/// A request's handler, as short as it can be written.
macro_rules! requests {
    ($($object:ty, $data:ty: |$state:ident, $resource:ident, $request:ident, $known:ident, $init:ident| $body:expr;)*) => {
        $(impl Dispatch<$object, $data> for Scene {
            fn request(
                $state: &mut Scene,
                _: &Client,
                $resource: &$object,
                $request: <$object as Resource>::Request,
                $known: &$data,
                _: &DisplayHandle,
                $init: &mut DataInit<'_, Scene>,
            ) {
                $body
            }
        })*
    };
}

/// What is told of a global when a client takes it.
macro_rules! globals {
    ($($object:ty: |$state:ident, $bound:ident| $body:expr;)*) => {
        $(impl GlobalDispatch<$object, ()> for Scene {
            fn bind(
                $state: &mut Scene,
                _: &DisplayHandle,
                _: &Client,
                resource: New<$object>,
                _: &(),
                init: &mut DataInit<'_, Scene>,
            ) {
                let $bound = init.init(resource, ());
                $body
            }
        })*
    };
}

globals! {
    WlCompositor: |_state, _bound| ();
    WlSubcompositor: |_state, _bound| ();
    XdgWmBase: |_state, _bound| ();
    WpViewporter: |_state, _bound| ();
    WpFractionalScaleManagerV1: |_state, _bound| ();
    WlShm: |_state, shm| for format in [wl_shm::Format::Xrgb8888, wl_shm::Format::Argb8888] {
        shm.format(format);
    };
    WlOutput: |state, output| {
        let (subpixel, transform) = (wl_output::Subpixel::Unknown, wl_output::Transform::Normal);
        output.geometry(0, 0, 0, 0, subpixel, "test".to_owned(), "test".to_owned(), transform);
        let side = |logical: u32| (logical * state.kind.scale / 120) as i32;
        let (width, height) = state.kind.size;
        output.mode(wl_output::Mode::Current, side(width), side(height), 60_000);
        output.scale(state.kind.scale.div_ceil(120) as i32);
        output.done();
    };
}

requests! {
    WlCompositor, (): |state, _resource, request, _known, init| match request {
        wl_compositor::Request::CreateSurface { id } => {
            let surface = init.init(id, ());
            state.surfaces.entry(surface.id()).or_default();
        }
        wl_compositor::Request::CreateRegion { id } => {
            init.init(id, ());
        }
        _ => {}
    };
    WlRegion, (): |_state, _resource, _request, _known, _init| ();
    WlOutput, (): |_state, _resource, _request, _known, _init| ();
    WlCallback, (): |_state, _resource, _request, _known, _init| ();
    WlBuffer, Pixels: |_state, _resource, _request, _known, _init| ();
    XdgToplevel, (): |_state, _resource, _request, _known, _init| ();
    WpFractionalScaleV1, (): |_state, _resource, _request, _known, _init| ();
    WlSubcompositor, (): |state, _resource, request, _known, init| {
        if let wl_subcompositor::Request::GetSubsurface { id, surface, parent } = request {
            adopt(state, surface.id(), parent.id());
            init.init(id, surface.id());
        }
    };
    WlSubsurface, ObjectId: |state, _resource, request, known, _init| {
        let surface = state.surfaces.entry(known.clone()).or_default();
        match request {
            wl_subsurface::Request::SetPosition { x, y } => surface.pending_place = (x, y),
            wl_subsurface::Request::SetSync => surface.alone = false,
            wl_subsurface::Request::SetDesync => surface.alone = true,
            wl_subsurface::Request::Destroy => orphan(state, known),
            _ => {}
        }
    };
    WlSurface, (): |state, resource, request, _known, init| {
        let id = resource.id();
        if matches!(request, wl_surface::Request::Commit) {
            return state.commit(&id);
        }
        if matches!(request, wl_surface::Request::Destroy) {
            orphan(state, &id);
            state.surfaces.remove(&id);
            return;
        }
        let pending: &mut State = &mut state.surfaces.entry(id).or_default().pending;
        match request {
            wl_surface::Request::Attach { buffer, .. } => pending.buffer = Some(attached(buffer)),
            wl_surface::Request::SetBufferScale { scale } => pending.scale = Some(scale),
            wl_surface::Request::Frame { callback } => {
                pending.callbacks.push(init.init(callback, ()));
            }
            _ => {}
        }
    };
    WlShm, (): |_state, _resource, request, _known, init| {
        if let wl_shm::Request::CreatePool { id, fd, .. } = request {
            init.init(id, Arc::new(File::from(fd)));
        }
    };
    WlShmPool, Arc<File>: |_state, _resource, request, known, init| {
        if let wl_shm_pool::Request::CreateBuffer { id, offset, width, height, stride, format } = request {
            init.init(id, Pixels {
                file: Arc::clone(known),
                offset: offset as u64,
                size: (width, height),
                stride,
                opaque: matches!(format.into_result(), Ok(wl_shm::Format::Xrgb8888)),
            });
        }
    };
    WpViewporter, (): |_state, _resource, request, _known, init| {
        if let wp_viewporter::Request::GetViewport { id, surface } = request {
            init.init(id, surface.id());
        }
    };
    WpViewport, ObjectId: |state, _resource, request, known, _init| {
        let Some(surface) = state.surfaces.get_mut(known) else {
            return;
        };
        match request {
            wp_viewport::Request::SetSource { x, y, width, height } => {
                surface.pending.source = Some((width > 0.0).then_some([x, y, width, height]));
            }
            wp_viewport::Request::SetDestination { width, height } => {
                surface.pending.destination = Some((width, height));
            }
            _ => {}
        }
    };
    WpFractionalScaleManagerV1, (): |state, _resource, request, _known, init| {
        if let wp_fractional_scale_manager_v1::Request::GetFractionalScale { id, .. } = request {
            init.init(id, ()).preferred_scale(state.kind.scale);
        }
    };
    XdgWmBase, (): |_state, _resource, request, _known, init| {
        if let xdg_wm_base::Request::GetXdgSurface { id, surface } = request {
            init.init(id, surface.id());
        }
    };
    XdgSurface, ObjectId: |state, resource, request, known, init| {
        if let xdg_surface::Request::GetToplevel { id } = request {
            let toplevel = init.init(id, ());
            state.window = Some(known.clone());
            let (width, height) = state.kind.size;
            let states = [xdg_toplevel::State::Fullscreen, xdg_toplevel::State::Activated];
            let states = states.iter().flat_map(|state| (*state as u32).to_ne_bytes());
            toplevel.configure(width as i32, height as i32, states.collect());
            resource.configure(1);
        }
    };
}
