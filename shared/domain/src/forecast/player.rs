//! Plays a queue forward from one event to the next: a build ends, a window opens, money comes, a wait is over.
//!
//! Builds that may start under the same conditions are one class, so that an event looks at each class once and never at
//! each build.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};

use jiff::{SignedDuration, Timestamp};

use super::calendar::Calendar;
use super::cheapest::Cheapest;
use super::{Foreseen, Outlook, Running};
use crate::duration::{after, before};
use crate::ledger::{BudgetSource, Ledger};
use crate::level::Urgency;
use crate::policy::Policy;
use crate::queued::Queued;
use crate::schedule::Load;
use crate::slot::{Hours, slot, terms};
use crate::trial::{Trial, TrialState};

/// How far is looked ahead.
const HORIZON: SignedDuration = SignedDuration::from_hours(366 * 24);

/// A way in which a build may start, and from when on.
#[derive(Debug)]
struct Way {
    source: BudgetSource,
    hours: Hours,
    /// From when on in its hours.
    from: Timestamp,
    /// From when on at any hour, since its deadline allows no longer wait.
    any_from: Timestamp,
    /// The same once the trial of its base image has passed.
    follows_from: Timestamp,
}

/// Under which conditions builds may start: whether the trial of their base image holds them back, and by which money in
/// which hours.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Conditions {
    is_bound: bool,
    ways: Vec<(BudgetSource, Hours)>,
}

#[derive(Debug)]
struct Waiting<'a> {
    queued: &'a Queued,
    ways: Vec<Way>,
    /// Whether the trial of its base image never holds it back.
    is_exempt: bool,
    /// Which group it is in, and at which place.
    group: usize,
    place: usize,
    class: Option<usize>,
    start: Option<Foreseen>,
}

/// The builds on one base image that is tried, or those on all others.
#[derive(Debug, Default)]
struct Group {
    trial: Option<Trial>,
    /// In the order of the queue.
    members: Vec<usize>,
    conditions: BTreeMap<Conditions, usize>,
    classes: Vec<(Conditions, Cheapest)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    /// A build ends, on the base image of a group.
    End(Option<usize>),
    /// The conditions of a build change.
    Changed(usize),
}

pub(super) struct Player<'a> {
    policy: &'a Policy,
    calendar: Calendar<'a>,
    now: Timestamp,
    horizon: Timestamp,
    running: u32,
    waiting: Vec<Waiting<'a>>,
    groups: Vec<Group>,
    events: BinaryHeap<Reverse<(Timestamp, Event)>>,
}

impl<'a> Player<'a> {
    pub(super) fn new(
        queue: &'a [Queued],
        running: &[Running],
        ledger: &Ledger,
        load: &Load,
        policy: &'a Policy,
        now: Timestamp,
    ) -> Self {
        let mut ordered: Vec<&Queued> = queue.iter().collect();
        ordered.sort_by_cached_key(|queued| queued.place(policy));
        let mut player = Self {
            policy,
            calendar: Calendar::new(ledger, policy, now),
            now,
            horizon: after(now, HORIZON),
            running: u32::try_from(running.len()).unwrap_or(u32::MAX),
            waiting: Vec::with_capacity(ordered.len()),
            groups: vec![Group::default()],
            events: BinaryHeap::new(),
        };
        player.groups.extend(load.trials.iter().map(|trial| Group { trial: Some(trial.clone()), ..Group::default() }));
        let mut by_image: BTreeMap<_, usize> = BTreeMap::new();
        for (trial, group) in load.trials.iter().zip(1..) {
            by_image.entry(&trial.image_id).or_insert(group);
        }
        for one in running {
            let is_first = |group: &Group| group.trial.as_ref().is_some_and(|trial| trial.first.contains(&one.build));
            let group = player.groups.iter().position(is_first);
            player.events.push(Reverse((one.ends.max(now), Event::End(group))));
        }
        for queued in ordered {
            let group = queued.base_image_id.as_ref().and_then(|image| by_image.get(image)).copied().unwrap_or(0);
            player.add(queued, group, load);
        }
        player.classify_all();
        player
    }

    fn add(&mut self, queued: &'a Queued, group: usize, load: &Load) {
        let index = self.waiting.len();
        let members = &mut self.groups[group].members;
        let place = members.len();
        members.push(index);
        let is_stopped = queued.stopped().is_some() || load.gone(queued).is_some();
        let ways = if is_stopped { Vec::new() } else { ways(queued, self.groups[group].trial.is_some(), self.policy) };
        let is_exempt =
            self.groups[group].trial.as_ref().is_none_or(|trial| trial.lets_go(&queued.build, &queued.demand));
        self.waiting.push(Waiting { queued, ways, is_exempt, group, place, class: None, start: None });
    }

    fn classify_all(&mut self) {
        for index in 0..self.waiting.len() {
            self.classify(index);
            for way in &self.waiting[index].ways {
                let changes = [way.from, way.any_from].into_iter().filter(|at| *at > self.now && *at < self.horizon);
                self.events.extend(changes.map(|at| Reverse((at, Event::Changed(index)))));
            }
        }
        for group in 0..self.groups.len() {
            match self.state(group) {
                Some(TrialState::UnderWay) => self.trial_is_under_way(group),
                Some(TrialState::Passed) => self.trial_has_passed(group),
                _ => {}
            }
        }
    }

    pub(super) fn play(mut self) -> Vec<Outlook> {
        loop {
            while self.running < self.policy.max_concurrent_builds && self.start_one() {}
            let event = self.events.peek().map_or(Timestamp::MAX, |Reverse((at, _))| *at);
            let next = event.min(self.calendar.next_change());
            let is_idle = self.waiting.iter().all(|waiting| waiting.class.is_none()) && event == Timestamp::MAX;
            if is_idle || next >= self.horizon {
                break;
            }
            self.now = next;
            self.calendar.go_to(next);
            while self.events.peek().is_some_and(|Reverse((at, _))| *at <= next) {
                let Some(Reverse((_, event))) = self.events.pop() else { break };
                match event {
                    Event::Changed(index) => self.classify(index),
                    Event::End(group) => {
                        self.running = self.running.saturating_sub(1);
                        self.succeeded(group);
                    }
                }
            }
        }
        let outlook = |waiting: Waiting<'_>| Outlook { build: waiting.queued.build.clone(), start: waiting.start };
        self.waiting.into_iter().map(outlook).collect()
    }

    /// Starts the first build that can start now. Answers whether there is one.
    fn start_one(&mut self) -> bool {
        let mut first: Option<usize> = None;
        for group in &self.groups {
            let state = group.trial.as_ref().map(Trial::state);
            let holds_back = matches!(state, Some(TrialState::UnderWay | TrialState::Failed));
            for (conditions, places) in &group.classes {
                if holds_back && conditions.is_bound {
                    continue;
                }
                let open = conditions.ways.iter().filter(|(_, hours)| self.calendar.is_open(*hours));
                let Some(most) = open.filter_map(|(source, _)| self.calendar.left(*source)).max() else { continue };
                let found = places.first(most.0).map(|place| group.members[place]);
                first = found.into_iter().chain(first).min();
            }
        }
        if let Some(index) = first {
            self.start(index);
        }
        first.is_some()
    }

    fn start(&mut self, index: usize) {
        let Waiting { queued, group, class: Some(class), .. } = self.waiting[index] else { return };
        let cost = queued.estimate.max(crate::money::MicroDollars::ZERO);
        let ways = &self.groups[group].classes[class].0.ways;
        let pays = |(source, hours): &&(BudgetSource, Hours)| {
            self.calendar.is_open(*hours) && self.calendar.left(*source).is_some_and(|left| left >= cost)
        };
        let Some(source) = ways.iter().find(pays).map(|(source, _)| *source) else { return };
        self.put(index, None);
        self.calendar.book(source, cost);
        self.running += 1;
        let ends = after(self.now, queued.demand.expected);
        self.waiting[index].start = Some(Foreseen { at: self.now, ends, source });
        self.events.push(Reverse((ends, Event::End(self.groups[group].trial.is_some().then_some(group)))));
        if self.state(group) == Some(TrialState::Open) {
            let trial = self.groups[group].trial.take();
            self.groups[group].trial = trial.map(|trial| trial.after_start(&queued.build, self.now));
            if self.state(group) == Some(TrialState::UnderWay) {
                self.trial_is_under_way(group);
            }
        }
    }

    /// A build on the base image of a group was published.
    fn succeeded(&mut self, group: Option<usize>) {
        let Some((group, trial)) = group.and_then(|group| Some((group, self.groups[group].trial.as_mut()?))) else {
            return;
        };
        if !trial.passed {
            trial.passed = true;
            self.trial_has_passed(group);
        }
    }

    fn state(&self, group: usize) -> Option<TrialState> {
        self.groups[group].trial.as_ref().map(Trial::state)
    }

    /// Those that it holds back wait no longer than their deadlines allow.
    fn trial_is_under_way(&mut self, group: usize) {
        for member in 0..self.groups[group].members.len() {
            let index = self.groups[group].members[member];
            match self.released_at(index) {
                Some(at) if at <= self.now => self.classify(index),
                Some(at) if at < self.horizon => self.events.push(Reverse((at, Event::Changed(index)))),
                _ => {}
            }
        }
    }

    /// Those whose slot came meanwhile follow at once.
    fn trial_has_passed(&mut self, group: usize) {
        for member in 0..self.groups[group].members.len() {
            let index = self.groups[group].members[member];
            let waiting = &mut self.waiting[index];
            for way in &mut waiting.ways {
                way.any_from = way.any_from.min(way.follows_from);
                if way.any_from > self.now && way.any_from < self.horizon {
                    self.events.push(Reverse((way.any_from, Event::Changed(index))));
                }
            }
            self.classify(index);
        }
    }

    /// Until when the trial of its base image holds a build back.
    fn released_at(&self, index: usize) -> Option<Timestamp> {
        let waiting = &self.waiting[index];
        let trial = self.groups[waiting.group].trial.as_ref().filter(|_| !waiting.is_exempt)?;
        Some(trial.latest(&waiting.queued.demand, self.now))
    }

    /// Puts a build that has not started into the class that it belongs to now.
    fn classify(&mut self, index: usize) {
        let waiting = &self.waiting[index];
        if waiting.start.is_some() {
            return;
        }
        let way = |way: &Way| match () {
            () if way.any_from <= self.now => Some((way.source, Hours::Any)),
            () if way.from <= self.now => Some((way.source, way.hours)),
            () => None,
        };
        let ways: Vec<(BudgetSource, Hours)> = waiting.ways.iter().filter_map(way).collect();
        let under_way = self.state(waiting.group) == Some(TrialState::UnderWay);
        let is_released = under_way && self.released_at(index).is_some_and(|at| at <= self.now);
        let conditions = Conditions { is_bound: !waiting.is_exempt && !is_released, ways };
        self.put(index, Some(conditions).filter(|conditions| !conditions.ways.is_empty()));
    }

    fn put(&mut self, index: usize, conditions: Option<Conditions>) {
        let waiting = &mut self.waiting[index];
        let group = &mut self.groups[waiting.group];
        let class = conditions.map(|conditions| {
            if let Some(class) = group.conditions.get(&conditions) {
                return *class;
            }
            group.conditions.insert(conditions.clone(), group.classes.len());
            group.classes.push((conditions, Cheapest::new(group.members.len())));
            group.classes.len() - 1
        });
        if class == waiting.class {
            return;
        }
        if let Some(left) = waiting.class {
            group.classes[left].1.set(waiting.place, None);
        }
        if let Some(entered) = class {
            group.classes[entered].1.set(waiting.place, Some(waiting.queued.estimate.0.max(0)));
        }
        waiting.class = class;
    }
}

/// The ways in which a build may start whose approvals are given and whose limit it keeps.
fn ways(queued: &Queued, is_tried: bool, policy: &Policy) -> Vec<Way> {
    let expected = queued.demand.expected;
    let all = queued.ways(policy);
    let open = all.iter().filter(|way| way.needed.is_none() && way.may_cost(queued.estimate, policy));
    open.map(|way| {
        let permit = &way.permit;
        let (source, hours) = terms(permit, policy);
        let soak = permit.not_before.as_ref().filter(|_| permit.urgency != Urgency::Critical);
        let any_from = match permit.off_peak_only {
            true => Timestamp::MAX,
            false if queued.is_again => Timestamp::MIN,
            false => before(permit.deadline, expected),
        };
        let follows = is_tried && !permit.off_peak_only;
        Way {
            source,
            hours,
            from: soak.map_or(Timestamp::MIN, |soak| soak.until),
            any_from,
            follows_from: if follows { slot(permit, expected, policy, queued.queued_at).at } else { Timestamp::MAX },
        }
    })
    .collect()
}
