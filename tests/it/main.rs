//! Integration tests.

mod card;
mod card_tests;
mod display_live;
