//! What runs inside a guest and talks to us. All of it is hostile: what it sends is bounded, and so is our patience.

pub mod spice;
