//! Pages in real browsers, from Chromium 78 to the current one, driven over the protocol of their
//! own developer tools.

mod browser;
mod driver;
mod duty;
mod fixture;
mod flows;
mod hostile;
mod keys;
mod names;
mod office;
mod page;
mod pages;
mod parts;
mod platform;
mod policy;
#[path = "../it/process.rs"]
#[expect(dead_code, reason = "shared with the tests of whole stages, which use the rest")]
mod process;
mod quarantine;
mod registry;
mod seen;
mod shot;
mod sight;
mod smoke;
mod stations;
#[path = "../it/upper.rs"]
mod upper;
mod voice;
#[path = "../it/webhook.rs"]
mod webhook;
mod wire;
