//! Gradients of one update: summed over the micro-batches, averaged,
//! fingerprinted and measured.

use std::ops::Range;

use burn::module::{Flag, Module, ModuleVisitor, Param};
use burn::optim::GradientsParams;
use burn::tensor::kind::BridgeTensor;
use burn::tensor::{Bool, Device, FloatDType, Gradients, Int, Tensor, TensorData, Transaction};
use reenact_core::spec::{Clipping, Combination};
use reenact_core::variation::round_mantissa;

use crate::device::Devices;
use crate::fingerprints::Prints;
use crate::group::Groups;

/// Holds the gradient of each item of a module that is updated.
pub(crate) struct StepGradients {
    /// The module's items in the model.
    items: Range<usize>,
    by_item: Vec<Option<BridgeTensor>>,
    combination: Combination,
    /// What the micro-batches count, added up.
    weight: f64,
}

/// Holds the gradients of a micro-batch, by what burn gives them.
pub(crate) enum Found {
    /// Those of a backward pass.
    Graph(Gradients),
    /// Those of parameters.
    Params(GradientsParams),
}

impl StepGradients {
    /// Starts a sum for a module that holds these items of the model.
    pub(crate) fn new(items: Range<usize>, combination: Combination) -> Self {
        let by_item = vec![None; items.len()];
        Self { items, by_item, combination, weight: 0.0 }
    }

    /// Adds the gradients of a micro-batch, which counts `weight`.
    pub(crate) fn add<M: Module>(&mut self, module: &M, gradients: Found, weight: f64) {
        let weighted = self.combination == Combination::Weighted;
        self.weight += if weighted { weight } else { 1.0 };
        let weight = weighted.then_some(weight);
        module.visit(&mut Adding { gradients, weight, sums: &mut self.by_item, next: 0 });
    }

    /// Divides the sums by what their mean is taken over, and takes what the step wants to
    /// know of the result. `prints` gets one fingerprint for each item that has a gradient.
    pub(crate) fn finish<M: Module>(
        &mut self,
        module: &M,
        wanted: Wanted<'_>,
        prints: Option<&mut Prints>,
    ) -> Squares {
        let squares = vec![None; self.by_item.len()];
        let divisor = match self.combination {
            Combination::Sum => None,
            Combination::Mean | Combination::Weighted => Some(self.weight),
        };
        let divisor = divisor.filter(|divisor| *divisor != 1.0);
        let sums = &mut self.by_item;
        let mut walk = Finishing { sums, divisor, wanted, prints, squares, next: 0 };
        module.visit(&mut walk);
        Squares {
            by_item: walk.squares,
            #[cfg(feature = "cubecl")]
            in_memory: wanted.devices.in_memory,
        }
    }

    /// Lists the items that have a gradient.
    pub(crate) fn present(&self) -> impl Iterator<Item = usize> {
        let present = self.items.clone().zip(&self.by_item);
        present.filter(|(_, gradient)| gradient.is_some()).map(|(item, _)| item)
    }

    /// Takes the gradient of an item of the model.
    pub(crate) fn take<const D: usize>(&mut self, item: usize) -> Option<Tensor<D>> {
        self.by_item[item - self.items.start].take().map(Tensor::from_bridge)
    }
}

/// Joins the losses of micro-batches as their gradients are joined.
pub(crate) fn join(combination: Combination, losses: &[f32], weights: &[f64]) -> f64 {
    let values = losses.iter().copied().map(f64::from);
    match combination {
        Combination::Mean => values.sum::<f64>() / losses.len() as f64,
        Combination::Sum => values.sum(),
        Combination::Weighted => {
            let total: f64 = weights.iter().sum();
            values.zip(weights).map(|(loss, weight)| loss * weight).sum::<f64>() / total
        }
    }
}

/// Says what to take of the joined gradient.
#[derive(Clone, Copy)]
pub(crate) struct Wanted<'a> {
    /// Whether norms are wanted.
    pub(crate) norms: bool,
    /// Bits of the mantissa to round to, where another kernel is played.
    pub(crate) mantissa_bits: Option<u32>,
    /// Where it is computed.
    pub(crate) devices: &'a Devices,
}

/// Holds sums of squares of the gradients, on the device, by item of a module.
pub(crate) struct Squares {
    by_item: Vec<Option<Tensor<2>>>,
    #[cfg(feature = "cubecl")]
    in_memory: bool,
}

impl Squares {
    /// Returns the sum of the squares of each item. `order` lists the module's items in
    /// canonical order, in which they are read; the sums over rows are added up in `f64`.
    fn read(&mut self, order: &[usize]) -> Vec<(usize, f64)> {
        let present = order.iter().filter_map(|&item| Some((item, self.by_item[item].take()?)));
        let (items, sums): (Vec<usize>, Vec<Tensor<2>>) = present.unzip();
        #[cfg(feature = "cubecl")]
        if !self.in_memory
            && let Some(columns) = crate::grouped::gather(&sums)
        {
            let square = |column: Vec<f32>| -> f64 { column.into_iter().map(f64::from).sum() };
            return items.into_iter().zip(columns.into_iter().map(square)).collect();
        }
        let transaction = sums.into_iter().fold(Transaction::default(), Transaction::register);
        let square = |data: TensorData| -> f64 { data.iter::<f64>().sum() };
        items.into_iter().zip(transaction.execute().into_iter().map(square)).collect()
    }
}

/// Says what is done to each gradient of a module before the update.
#[derive(Clone, Debug, Default)]
pub(crate) struct Treatments {
    items_start: usize,
    by_item: Vec<Treatment>,
    /// Whether signs are turned round, by an attack.
    negated: bool,
}

#[derive(Clone, Copy, Debug, Default)]
struct Treatment {
    scale: Option<f32>,
    clamp: Option<f64>,
}

impl Treatments {
    /// Derives what is done from the declared clipping and the gradients' norms. `order` lists
    /// all trainable items of the model in canonical order. A norm over all is that over the
    /// items of one group which are updated together.
    pub(crate) fn new(
        gradients: &StepGradients,
        groups: &Groups,
        squares: &mut Squares,
        order: &[usize],
        (unclipped, negated): (bool, bool),
    ) -> Self {
        let items = gradients.items.clone();
        let by_item = vec![Treatment::default(); items.len()];
        let mut this = Self { items_start: items.start, by_item, negated };
        if unclipped {
            return this;
        }
        let within = order.iter().filter(|item| items.contains(item));
        let order: Vec<usize> = within.map(|item| item - items.start).collect();
        let read = if groups.need_norms() { squares.read(&order) } else { Vec::new() };
        let mut sums = vec![0.0; groups.len()];
        for (item, square) in &read {
            sums[groups.number(item + items.start)] += square;
        }
        for (item, treatment) in this.by_item.iter_mut().enumerate() {
            let group = items.start + item;
            if let Some(Clipping::Value { limit }) = groups.of(group).clipping {
                treatment.clamp = Some(limit);
            }
        }
        for (item, square) in read {
            let number = groups.number(item + items.start);
            let (norm, limit) = match groups.group(number).clipping {
                Some(Clipping::GlobalNorm { limit }) => (sums[number].sqrt(), limit),
                Some(Clipping::TensorNorm { limit }) => (square.sqrt(), limit),
                _ => continue,
            };
            this.by_item[item].scale = (norm > limit).then(|| (limit / norm) as f32);
        }
        this
    }

    /// Treats the gradient of an item of the model.
    pub(crate) fn apply<const D: usize>(&self, item: usize, mut gradient: Tensor<D>) -> Tensor<D> {
        let treatment = self.by_item[item - self.items_start];
        if let Some(scale) = treatment.scale {
            gradient = gradient.mul_scalar(scale);
        }
        if let Some(limit) = treatment.clamp {
            gradient = gradient.clamp(-limit, limit);
        }
        if self.negated {
            gradient = gradient.neg();
        }
        gradient
    }
}

struct Adding<'a> {
    gradients: Found,
    weight: Option<f64>,
    sums: &'a mut [Option<BridgeTensor>],
    next: usize,
}

impl ModuleVisitor for Adding<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let sum = &mut self.sums[self.next];
        self.next += 1;
        let tensor = param.base();
        if !tensor.is_require_grad() {
            return;
        }
        let gradient = match &mut self.gradients {
            Found::Graph(gradients) => tensor.grad_remove(gradients),
            Found::Params(gradients) => gradients.remove::<D>(param.id),
        };
        if let Some(mut gradient) = gradient {
            if let Some(weight) = self.weight {
                gradient = gradient.mul_scalar(weight);
            }
            let total = match sum.take() {
                Some(sum) => Tensor::<D>::from_bridge(sum).add(gradient),
                None => gradient,
            };
            *sum = Some(total.into_bridge());
        }
    }

    fn visit_int<const D: usize>(&mut self, _param: &Param<Tensor<D, Int>>) {
        self.next += 1;
    }

    fn visit_bool<const D: usize>(&mut self, _param: &Param<Tensor<D, Bool>>) {
        self.next += 1;
    }

    fn visit_flag(&mut self, _flag: &Param<Flag>) {
        self.next += 1;
    }
}

struct Finishing<'a> {
    sums: &'a mut [Option<BridgeTensor>],
    divisor: Option<f64>,
    wanted: Wanted<'a>,
    prints: Option<&'a mut Prints>,
    squares: Vec<Option<Tensor<2>>>,
    next: usize,
}

impl Finishing<'_> {
    fn finish<const D: usize>(&mut self, item: usize, mut gradient: Tensor<D>) -> Tensor<D> {
        if let Some(divisor) = self.divisor {
            gradient = gradient.div_scalar(divisor);
        }
        if let Some(bits) = self.wanted.mantissa_bits {
            gradient = rounded(gradient, bits, &self.wanted.devices.plain);
        }
        if let Some(prints) = &mut self.prints {
            gradient = prints.tensor(gradient);
        }
        if self.wanted.norms {
            self.squares[item] = squares(gradient.clone());
        }
        gradient
    }
}

impl ModuleVisitor for Finishing<'_> {
    fn visit_float<const D: usize>(&mut self, _param: &Param<Tensor<D>>) {
        let item = self.next;
        self.next += 1;
        if let Some(sum) = self.sums[item].take() {
            let gradient = self.finish(item, Tensor::<D>::from_bridge(sum));
            self.sums[item] = Some(gradient.into_bridge());
        }
    }

    fn visit_int<const D: usize>(&mut self, _param: &Param<Tensor<D, Int>>) {
        self.next += 1;
    }

    fn visit_bool<const D: usize>(&mut self, _param: &Param<Tensor<D, Bool>>) {
        self.next += 1;
    }

    fn visit_flag(&mut self, _flag: &Param<Flag>) {
        self.next += 1;
    }
}

/// Rounds every element of a tensor, at most to single precision.
fn rounded<const D: usize>(tensor: Tensor<D>, bits: u32, device: &Device) -> Tensor<D> {
    let element_type = tensor.dtype();
    let mut data = tensor.cast(FloatDType::F32).into_data();
    for value in data.as_mut_slice::<f32>().into_iter().flatten() {
        *value = round_mantissa(*value, bits);
    }
    Tensor::from_data(data, (device, element_type))
}

/// Sums the squares of a tensor: over all dimensions but the first on the
/// device, the rest in [`Squares::norm`]. A full sum on the device would depend on
/// the number of threads (on the CPU) or on the order of atomics (on a GPU). None
/// of a tensor without elements.
fn squares<const D: usize>(tensor: Tensor<D>) -> Option<Tensor<2>> {
    let dims = tensor.dims();
    let elements: usize = dims.iter().product();
    let rows = if D > 1 { dims[0] } else { 1 };
    // A square of half precision has few bits, or is infinite.
    let wide = || tensor.cast(FloatDType::F32);
    (elements > 0).then(|| wide().square().reshape([rows, elements / rows]).sum_dim(1))
}
