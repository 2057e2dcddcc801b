//! Disks: what an image file is, and making new layers.
//!
//! Image files are hostile until their header was read here: a bounded look that follows no
//! reference. What runs `qemu-img` gets its argument list from here and runs it elsewhere.

pub mod chain;
mod convert;
mod create;
pub mod difference;
pub mod header;
mod inside;
mod iso;
mod layer;
mod partial;
mod partitions;
mod recognise;
mod systems;
mod vmdk;

pub use convert::{ConvertError, Progress, copy_chain, copy_in};
pub use create::{create_args, overlay_args};
pub use header::{Compression, HeaderError, ImageInfo, ImageKind, Qcow2, Refusal, read_header};
pub use layer::{Backing, LayerError, NewLayer, is_untouched, write_layer};
pub use recognise::recognise;
