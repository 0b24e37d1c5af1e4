//! A county's office: the gateway, its people, its terminals, and a browser for everybody.

use crate::browser::{Browser, Program};
use crate::page::Page;
use crate::process::{Gateway, wait_until};
use mingluo::console::{Account, Accounts};
use mingluo::model::{AreaCode, Role};
use mingluo::simulate::{Fleet, Misbehaviour};
use std::sync::atomic::Ordering;

/// What everybody types in.
pub(crate) const PASSWORD: &str = "morning gong over the lake";

/// A person: account, name, role, area.
pub(crate) struct Person {
    pub(crate) login: &'static str,
    pub(crate) name: &'static str,
    role: Role,
    area: &'static str,
}

pub(crate) const fn person(
    login: &'static str,
    name: &'static str,
    role: Role,
    area: &'static str,
) -> Person {
    Person { login, name, role, area }
}

const COUNTY: &str = "430621000000";

/// A duty officer of the county.
pub(crate) const OFFICER: Person = person("zhang", "张值班", Role::Officer, COUNTY);
/// The same person by another account.
pub(crate) const ALIAS: Person = person("zhang2", "张值班", Role::Leader, COUNTY);
/// A duty officer of one township.
pub(crate) const TOWNSHIP: Person = person("wan", "万乡镇", Role::Officer, "430621104000");
/// The duty leader.
pub(crate) const LEADER: Person = person("li", "李带班", Role::Leader, COUNTY);
/// An auditor.
pub(crate) const AUDITOR: Person = person("shen", "沈审计", Role::Auditor, COUNTY);
/// A technician.
pub(crate) const TECHNICIAN: Person = person("ji", "季技术", Role::Technician, COUNTY);
/// The administrator.
pub(crate) const ADMINISTRATOR: Person = person("guan", "管系统", Role::Administrator, COUNTY);

const PEOPLE: [&Person; 7] =
    [&OFFICER, &ALIAS, &TOWNSHIP, &LEADER, &AUDITOR, &TECHNICIAN, &ADMINISTRATOR];

/// The person of a role.
pub(crate) fn of(role: Role) -> &'static Person {
    PEOPLE.into_iter().rev().find(|person| person.role == role).expect("a person of each role")
}

/// All of it; ends with this.
pub(crate) struct Office {
    pub(crate) gateway: Gateway,
    pub(crate) fleet: Fleet,
}

impl Office {
    /// Accounts, gateway and terminals, all running.
    pub(crate) fn open(name: &str) -> Self {
        Self::open_with(name, |_| {})
    }

    /// The same of a gateway that was changed before its first start.
    pub(crate) fn open_with(name: &str, change: impl FnOnce(&mut Gateway)) -> Self {
        let mut gateway = Gateway::prepare(name);
        change(&mut gateway);
        accounts(&gateway);
        gateway.restart();
        let fleet = gateway.fleet(Misbehaviour::default());
        let n_online = u64::try_from(fleet.n_connecting).unwrap();
        let connected = || fleet.stats.connected.load(Ordering::Relaxed) >= n_online;
        wait_until(60, connected, "all terminals connect");
        Self { gateway, fleet }
    }

    /// Where its console is.
    pub(crate) fn origin(&self) -> String {
        format!("http://{}", self.gateway.listeners()[1].1)
    }

    /// A page on which somebody has signed in.
    pub(crate) fn signed_in(&self, browser: &Browser, who: &Person) -> Page {
        let page = browser.person(&self.origin());
        sign_in(&page, who, PASSWORD);
        page.wait_for("nav");
        page
    }
}

/// Makes everybody's account.
fn accounts(gateway: &Gateway) {
    let file = gateway.configs().join("keys/accounts.toml");
    let mut all = Accounts::load(&file).unwrap();
    for person in PEOPLE {
        let areas = vec![AreaCode::parse(person.area).unwrap()];
        let made = Account::new(person.login, person.name, person.role, areas, PASSWORD);
        all.add(made.unwrap()).unwrap();
    }
    all.save(&file).unwrap();
}

/// Fills in the form of the sign-in and sends it.
pub(crate) fn sign_in(page: &Page, who: &Person, password: &str) {
    page.go("/console/sign-in");
    page.fill("[name=login]", who.login);
    page.fill("[name=password]", password);
    page.and_load(|page| page.click("main button[type=submit]"));
}

/// Runs a check in the current browser.
pub(crate) fn in_current(test: &str, check: impl FnOnce(&Browser)) {
    let program: Option<Program> = crate::browser::current(test);
    if let Some(program) = program {
        check(&Browser::start(&program));
    }
}
