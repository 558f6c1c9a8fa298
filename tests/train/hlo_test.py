"""Collectives counted in a program small enough to count by hand."""

from vision_banana.train import hlo

# As XLA prints for TPU, cut to what matters: a loop of five turns with a gather that
# runs as two chained fusions, a sum that keeps only its part, and once outside the
# loop a reduce-scatter and a pair of asynchronous operations.
_TEXT = """\
HloModule jit_step, is_scheduled=true

%add.1 (x: f32[], y: f32[]) -> f32[] {
  %x = f32[]{:T(128)} parameter(0)
  %y = f32[]{:T(128)} parameter(1)
  ROOT %sum = f32[]{:T(128)} add(%x, %y)
}

%chained.1 (p.1: bf16[8,16]) -> bf16[8,64] {
  %p.1 = bf16[8,16]{1,0:T(8,128)(2,1)} parameter(0)
  ROOT %all-gather.1 = bf16[8,64]{1,0:T(8,128)(2,1)S(1)} all-gather(%p.1), channel_id=7, dimensions={1}
}

%chained.2 (p.2: bf16[8,16]) -> bf16[8,64] {
  %p.2 = bf16[8,16]{1,0:T(8,128)(2,1)} parameter(0)
  ROOT %all-gather.2 = bf16[8,64]{1,0:T(8,128)(2,1)S(1)} all-gather(%p.2), channel_id=7, dimensions={1}
}

%all-reduce-scatter.3 (p.3: f32[4,256]) -> f32[4,64] {
  %p.3 = f32[4,256]{1,0:T(4,128)} parameter(0)
  %all-reduce.3 = f32[4,256]{1,0:T(4,128)} all-reduce(%p.3), channel_id=8, to_apply=%add.1
  ROOT %mine = f32[4,64]{1,0:T(4,128)} dynamic-slice(%all-reduce.3), dynamic_slice_sizes={4,64}
}

%body (s: (s32[], bf16[8,64])) -> (s32[], bf16[8,64]) {
  %s = (s32[], bf16[8,64]{1,0}) parameter(0)
  %fusion.1 = bf16[8,64]{1,0} fusion(%s), kind=kCustom, calls=%chained.1
  %fusion.2 = bf16[8,64]{1,0} fusion(%fusion.1), kind=kCustom, calls=%chained.2
  %fusion.3 = f32[4,64]{1,0} fusion(%s), kind=kCustom, calls=%all-reduce-scatter.3
  ROOT %next = (s32[], bf16[8,64]{1,0}) tuple(%s, %fusion.2)
}

%condition (s.1: (s32[], bf16[8,64])) -> pred[] {
  %s.1 = (s32[], bf16[8,64]{1,0}) parameter(0)
  %limit = s32[]{:T(128)} constant(5)
  %turn = s32[]{:T(128)} get-tuple-element(%s.1), index=0
  ROOT %less = pred[]{:T(512)} compare(%turn, %limit), direction=LT
}

ENTRY %main.1 (a: f32[16,32]) -> f32[4,32] {
  %a = f32[16,32]{1,0:T(8,128)} parameter(0)
  %loop = (s32[], bf16[8,64]{1,0}) while(%a), condition=%condition, body=%body
  %start = (f32[16,32]{1,0}, f32[16,32]{1,0}, u32[]{:S(2)}) collective-permute-start(%a), channel_id=9, source_target_pairs={{0,1},{1,0}}
  %done = f32[16,32]{1,0} collective-permute-done(%start)
  ROOT %rs = f32[4,32]{1,0:T(4,128)} reduce-scatter(%a), channel_id=10, dimensions={0}, to_apply=%add.1
}
"""


def test_every_kind_as_often_as_its_loop_turns():
  assert hlo.collectives(_TEXT) == {
      "all-gather": {"count": 5, "bytes": 5 * 8 * 64 * 2},
      "reduce-scatter": {"count": 6, "bytes": 5 * 4 * 256 * 4 + 16 * 32 * 4},
      "collective-permute": {"count": 1, "bytes": 16 * 32 * 4},
  }


def test_a_loop_without_a_known_end_counts_once():
  text = _TEXT.replace("constant(5)", "parameter(1)")
  assert hlo.collectives(text)["all-gather"]["count"] == 1


def test_a_program_of_one_device_has_none():
  assert hlo.collectives("ENTRY %main (a: f32[2]) -> f32[2] {\n"
                         "  ROOT %a = f32[2]{0} parameter(0)\n}\n") == {}
