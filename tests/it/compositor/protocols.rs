//! The server's side of Wayland's extensions, made from their descriptions.
#![allow(
    clippy::all,
    dead_code,
    non_camel_case_types,
    non_snake_case,
    non_upper_case_globals,
    unsafe_code,
    unused,
    reason = "generated; not all of it in each of them"
)]

pub mod xdg_shell {
    use wayland_server;
    use wayland_server::protocol::*;
    pub mod __interfaces {
        use wayland_server::protocol::__interfaces::*;
        wayland_scanner::generate_interfaces!("tests/it/protocols/xdg-shell.xml");
    }
    use self::__interfaces::*;
    wayland_scanner::generate_server_code!("tests/it/protocols/xdg-shell.xml");
}

pub mod viewporter {
    use wayland_server;
    use wayland_server::protocol::*;
    pub mod __interfaces {
        use wayland_server::protocol::__interfaces::*;
        wayland_scanner::generate_interfaces!("tests/it/protocols/viewporter.xml");
    }
    use self::__interfaces::*;
    wayland_scanner::generate_server_code!("tests/it/protocols/viewporter.xml");
}

pub mod fractional_scale {
    use wayland_server;
    use wayland_server::protocol::*;
    pub mod __interfaces {
        use wayland_server::protocol::__interfaces::*;
        wayland_scanner::generate_interfaces!("tests/it/protocols/fractional-scale-v1.xml");
    }
    use self::__interfaces::*;
    wayland_scanner::generate_server_code!("tests/it/protocols/fractional-scale-v1.xml");
}
