//! Two processes: the first acts as it is told when it begins, the second remembers what reaches it.

use loglab::sim::Time;
use loglab::sim::clock::BEGIN_US;
use loglab::sim::hash::RunHash;
use loglab::sim::kernel::Kernel;
use loglab::sim::network::LinkSettings;
use loglab::sim::process::{Context, Input, Message, Process};

pub fn run_until<P: Process>(kernel: &mut Kernel<P>, time: Time) {
    while kernel.step_until(time).is_some() {}
}

#[derive(Debug)]
pub struct Number(pub u64);

impl Message for Number {
    fn size_bytes(&self) -> u32 {
        500
    }
    fn kind(&self) -> u32 {
        u32::from(self.0 >= 100)
    }
    fn fold(&self, hash: &mut RunHash) {
        hash.fold(self.0);
    }
}

/// Process 0 acts as it is told when it begins, process 1 remembers what reaches it.
#[derive(Clone)]
pub struct Probe {
    pub begin: fn(&mut Context<'_, Number, ()>),
    pub react: fn(&Input<Number>, &mut Context<'_, Number, ()>),
    pub heard: Vec<(Time, u64)>,
    pub fired: Vec<(Time, u64)>,
}

impl Process for Probe {
    type Message = Number;
    type Note = ();

    fn handle(&mut self, input: Input<Number>, context: &mut Context<'_, Number, ()>) {
        (self.react)(&input, context);
        match input {
            Input::Boot { .. } if context.process() == 0 => (self.begin)(context),
            Input::Received { message, .. } | Input::Datagram { message, .. } => {
                self.heard.push((context.now(), message.0));
            }
            Input::Timer(purpose) => self.fired.push((context.wall_clock() - BEGIN_US, purpose)),
            _ => {}
        }
    }

    fn reborn(&self) -> Self {
        Self { heard: Vec::new(), fired: Vec::new(), ..self.clone() }
    }
}

pub fn probes(links: LinkSettings, begin: fn(&mut Context<'_, Number, ()>)) -> Kernel<Probe> {
    reacting_probes(links, begin, |_, _| {})
}

pub fn reacting_probes(
    links: LinkSettings,
    begin: fn(&mut Context<'_, Number, ()>),
    react: fn(&Input<Number>, &mut Context<'_, Number, ()>),
) -> Kernel<Probe> {
    let probe = Probe { begin, react, heard: Vec::new(), fired: Vec::new() };
    Kernel::new(5, links, vec![probe.clone(), probe])
}

pub fn ten_on_a_connection(context: &mut Context<'_, Number, ()>) {
    let connection = context.connect(1);
    (0..10).for_each(|number| context.send(connection, Number(number)));
}

pub fn hundred_datagrams(context: &mut Context<'_, Number, ()>) {
    (0..100).for_each(|number| context.send_datagram(1, Number(number)));
}

pub fn heard(kernel: &Kernel<Probe>) -> Vec<u64> {
    kernel.process(1).heard.iter().map(|(_, number)| *number).collect()
}

pub fn arrivals(kernel: &Kernel<Probe>) -> Vec<Time> {
    kernel.process(1).heard.iter().map(|(time, _)| *time).collect()
}
