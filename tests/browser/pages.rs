//! Every page of the console, in one place: what a smoke test opens, in every browser.

use mingluo::model::Role;

/// A page: its name in pictures, its path, and the role that opens it.
pub(crate) struct Known {
    pub(crate) name: &'static str,
    pub(crate) path: &'static str,
    pub(crate) role: Role,
}

const fn page(name: &'static str, path: &'static str, role: Role) -> Known {
    Known { name, path, role }
}

/// All of them. `{broadcast}` stands for a broadcast that was sent, `{alert}` for an alert that came.
pub(crate) const PAGES: &[Known] = &[
    page("overview", "/console/", Role::Leader),
    page("wall", "/console/?wall=1", Role::Leader),
    page("alerts", "/console/alerts", Role::Leader),
    page("alert", "/console/alerts/{alert}", Role::Leader),
    page("compose", "/console/compose", Role::Leader),
    page("approvals", "/console/approvals", Role::Leader),
    page("broadcasts", "/console/broadcasts", Role::Leader),
    page("broadcast", "/console/broadcasts/{broadcast}", Role::Leader),
    page("terminals", "/console/terminals", Role::Leader),
    page("plans", "/console/plans", Role::Leader),
    page("plan-form", "/console/plans/edit?part=plan/flash-flood-red", Role::Leader),
    page("plan-history", "/console/plans/history?part=plan/rainstorm-red", Role::Leader),
    page("template-form", "/console/plans/edit?part=template/general", Role::Leader),
    page("plan-new", "/console/plans/edit?new=plan", Role::Leader),
    page("template-new", "/console/plans/edit?new=template", Role::Leader),
    page("plan-remove", "/console/plans/remove?part=plan/flash-flood-red", Role::Leader),
    page("roster", "/console/roster", Role::Leader),
    page("programmes", "/console/programmes", Role::Leader),
    page("programme-form", "/console/programmes/edit", Role::Leader),
    page("groups", "/console/groups", Role::Leader),
    page("drills", "/console/drills", Role::Leader),
    page("latches", "/console/latches", Role::Leader),
    page("rejections", "/console/rejections", Role::Leader),
    page("me", "/console/me", Role::Leader),
    page("audit", "/console/audit", Role::Auditor),
    page("stations", "/console/stations", Role::Administrator),
    page("settings", "/console/settings", Role::Auditor),
    page("system", "/console/system", Role::Administrator),
    page("platform", "/console/platform", Role::Leader),
    page("accounts", "/console/accounts", Role::Administrator),
    page("keys", "/console/keys", Role::Administrator),
];
