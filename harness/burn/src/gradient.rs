//! Gradients of one step: summed over the micro-batches, averaged,
//! fingerprinted and measured.

use burn::module::{Flag, Module, ModuleVisitor, Param};
use burn::tensor::kind::BridgeTensor;
use burn::tensor::{Bool, Device, Gradients, Int, Tensor, TensorData, Transaction};
use reenact_core::spec::Clipping;
use reenact_core::state::Fingerprint;
use reenact_core::variation::round_mantissa;

use crate::device::Devices;
use crate::print::Prints;

/// Holds the gradient of each item of a model, by its number.
pub(crate) struct StepGradients {
    by_item: Vec<Option<BridgeTensor>>,
}

impl StepGradients {
    /// Starts a sum for a model of `items` items.
    pub(crate) fn new(items: usize) -> Self {
        Self { by_item: vec![None; items] }
    }

    /// Adds the gradients of a micro-batch.
    pub(crate) fn add<M: Module>(&mut self, model: &M, gradients: Gradients) {
        model.visit(&mut Adding { gradients, sums: &mut self.by_item, next: 0 });
    }

    /// Divides the sums by the number of micro-batches, and takes what the step
    /// wants to know of the mean. `prints` gets one fingerprint for each item: of a
    /// parameter without a gradient that of no bytes, of what is not trained any.
    pub(crate) fn finish<M: Module>(
        &mut self,
        model: &M,
        wanted: Wanted<'_>,
        prints: Option<&mut Prints<'_>>,
    ) -> Squares {
        let squares = vec![None; self.by_item.len()];
        let mut walk = Finishing { sums: &mut self.by_item, wanted, prints, squares, next: 0 };
        model.visit(&mut walk);
        Squares {
            by_item: walk.squares,
            #[cfg(feature = "cubecl")]
            in_memory: wanted.devices.in_memory,
        }
    }

    /// Takes the gradient of an item.
    pub(crate) fn take<const D: usize>(&mut self, item: usize) -> Option<Tensor<D>> {
        self.by_item[item].take().map(Tensor::from_bridge)
    }
}

/// Says what to take of the mean gradient.
#[derive(Clone, Copy)]
pub(crate) struct Wanted<'a> {
    /// Number of micro-batches in the sum.
    pub(crate) accumulation: u64,
    /// Whether the norm is wanted.
    pub(crate) norm: bool,
    /// Bits of the mantissa to round to, where another kernel is played.
    pub(crate) mantissa_bits: Option<u32>,
    /// Where it is computed.
    pub(crate) devices: &'a Devices,
}

/// Holds sums of squares of the gradients, on the device, by item.
pub(crate) struct Squares {
    by_item: Vec<Option<Tensor<2>>>,
    #[cfg(feature = "cubecl")]
    in_memory: bool,
}

impl Squares {
    /// Returns the L2 norm over all parameters. `order` lists the items in
    /// canonical order: the sum of the squares is taken in it, in `f64`.
    pub(crate) fn norm(&mut self, order: &[usize]) -> f64 {
        let sums: Vec<Tensor<2>> =
            order.iter().filter_map(|&item| self.by_item[item].take()).collect();
        #[cfg(feature = "cubecl")]
        if !self.in_memory
            && let Some(columns) = crate::grouped::gather(&sums)
        {
            let square = |column: Vec<f32>| -> f64 { column.into_iter().map(f64::from).sum() };
            return columns.into_iter().map(square).sum::<f64>().sqrt();
        }
        let transaction = sums.into_iter().fold(Transaction::default(), Transaction::register);
        let square = |data: TensorData| -> f64 { data.iter::<f64>().sum() };
        transaction.execute().into_iter().map(square).sum::<f64>().sqrt()
    }
}

/// Says what is done to each gradient before the update.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Treatment {
    scale: Option<f32>,
    clamp: Option<f64>,
    /// Whether its sign is turned round, by an attack.
    pub(crate) negate: bool,
}

impl Treatment {
    /// Derives the treatment from the declared clipping and the gradient's
    /// norm.
    pub(crate) fn new(clipping: Option<Clipping>, norm: impl FnOnce() -> f64) -> Self {
        let mut treatment = Self::default();
        match clipping {
            Some(Clipping::GlobalNorm { limit }) => {
                let norm = norm();
                treatment.scale = (norm > limit).then(|| (limit / norm) as f32);
            }
            Some(Clipping::Value { limit }) => treatment.clamp = Some(limit),
            Some(Clipping::TensorNorm { .. }) => panic!("not yet"),
            None => {}
        }
        treatment
    }

    /// Treats one gradient.
    pub(crate) fn apply<const D: usize>(&self, mut gradient: Tensor<D>) -> Tensor<D> {
        if let Some(scale) = self.scale {
            gradient = gradient.mul_scalar(scale);
        }
        if let Some(limit) = self.clamp {
            gradient = gradient.clamp(-limit, limit);
        }
        if self.negate {
            gradient = gradient.neg();
        }
        gradient
    }
}

struct Adding<'a> {
    gradients: Gradients,
    sums: &'a mut [Option<BridgeTensor>],
    next: usize,
}

impl ModuleVisitor for Adding<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let sum = &mut self.sums[self.next];
        self.next += 1;
        let tensor = param.base();
        let gradient =
            tensor.is_require_grad().then(|| tensor.grad_remove(&mut self.gradients)).flatten();
        if let Some(gradient) = gradient {
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

struct Finishing<'a, 'p> {
    sums: &'a mut [Option<BridgeTensor>],
    wanted: Wanted<'a>,
    prints: Option<&'a mut Prints<'p>>,
    squares: Vec<Option<Tensor<2>>>,
    next: usize,
}

impl Finishing<'_, '_> {
    fn finish<const D: usize>(&mut self, item: usize, mut gradient: Tensor<D>) -> Tensor<D> {
        if self.wanted.accumulation > 1 {
            gradient = gradient.div_scalar(self.wanted.accumulation as f64);
        }
        if let Some(bits) = self.wanted.mantissa_bits {
            gradient = rounded(gradient, bits, &self.wanted.devices.plain);
        }
        if let Some(prints) = &mut self.prints {
            gradient = prints.tensor(gradient);
        }
        if self.wanted.norm {
            self.squares[item] = squares(gradient.clone());
        }
        gradient
    }

    /// Passes an item that takes no gradient.
    fn pass(&mut self) {
        self.next += 1;
        if let Some(prints) = &mut self.prints {
            prints.push(Fingerprint::default());
        }
    }
}

impl ModuleVisitor for Finishing<'_, '_> {
    fn visit_float<const D: usize>(&mut self, _param: &Param<Tensor<D>>) {
        let item = self.next;
        self.next += 1;
        if let Some(sum) = self.sums[item].take() {
            let gradient = self.finish(item, Tensor::<D>::from_bridge(sum));
            self.sums[item] = Some(gradient.into_bridge());
        } else if let Some(prints) = &mut self.prints {
            prints.bytes(&[]);
        }
    }

    fn visit_int<const D: usize>(&mut self, _param: &Param<Tensor<D, Int>>) {
        self.pass();
    }

    fn visit_bool<const D: usize>(&mut self, _param: &Param<Tensor<D, Bool>>) {
        self.pass();
    }

    fn visit_flag(&mut self, _flag: &Param<Flag>) {
        self.pass();
    }
}

/// Rounds every element of an `f32` tensor.
fn rounded<const D: usize>(tensor: Tensor<D>, bits: u32, device: &Device) -> Tensor<D> {
    let mut data = tensor.into_data();
    let element_type = data.dtype();
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
    (elements > 0).then(|| tensor.square().reshape([rows, elements / rows]).sum_dim(1))
}
