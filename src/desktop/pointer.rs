//! Where the pointer is while another program has it: during a drop the window itself is not told.

use x11rb::connection::Connection as _;
use x11rb::protocol::xproto::ConnectionExt as _;

/// Its place on the X11 screen, in pixels; `None` where there is no X11.
pub fn pointer_on_screen() -> Option<(i32, i32)> {
    let (x11, screen) = x11rb::connect(None).ok()?;
    let root = x11.setup().roots.get(screen)?.root;
    let pointer = x11.query_pointer(root).ok()?.reply().ok()?;
    Some((pointer.root_x.into(), pointer.root_y.into()))
}
