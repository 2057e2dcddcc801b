//! QEMU's `key=value,key=value` syntax: the one place that escapes.

/// A value in which commas are doubled, so that it can't become another option.
///
/// <https://www.qemu.org/docs/master/system/invocation.html>: "use ,, for a literal comma".
pub(super) fn escape(value: &str) -> String {
    value.replace(',', ",,")
}

/// `head,key=value,…` with every value escaped.
pub(super) fn list(head: &str, properties: &[(&str, String)]) -> String {
    let mut text = escape(head);
    for (key, value) in properties {
        text.push(',');
        text.push_str(key);
        text.push('=');
        text.push_str(&escape(value));
    }
    text
}
