#!/bin/sh
# Every stage, once, on a set too tiny to learn anything from: it shows the way, not what emotiw
# can do. About a minute on two processors; needs emotiw[train].
#
#   sh examples/tiny.sh [WORK]        WORK is the workspace, by default work/tiny
set -eu
cd "$(dirname "$0")/.."
# What make installed, unless another environment is active.
[ -n "${VIRTUAL_ENV:-}" ] || [ ! -d .venv/bin ] || PATH="$PWD/.venv/bin:$PATH"
work=${1:-work/tiny}
export OMP_NUM_THREADS="${OMP_NUM_THREADS:-1}"

step() { printf '\n$ %s\n' "$*"; "$@"; }

step python examples/make_tiny_set.py "$work/tiny"

# Photos → faces → codes
step emotiw align "$work/tiny/people" --name people --work "$work"
step emotiw align "$work/tiny/emotions" --name emotions --work "$work"
step emotiw map people --radius 5 --work "$work"
step emotiw map emotions --radius 5 --picture "$work/codes.png" --work "$work"

# Faces and codes → nets: one that sees grey, one that sees codes and starts from identities
small="--net mobilenet_v1.025 --resize 36 --crop 32 --batch 4"
small="$small --optimizer adamw --lr 0.003 --augment none"
step emotiw pretrain people --name id-cyclic-5 --rep cyclic-5 $small --epochs 4 \
    --work "$work"
step emotiw finetune emotions --name cyclic-5 --rep cyclic-5 --init id-cyclic-5 $small \
    --epochs 16 --ema 0 --work "$work"
step emotiw finetune emotions --name grey --rep grey $small --epochs 16 --ema 0 \
    --work "$work"

# Nets → bundle → answers
step emotiw ensemble --members grey,cyclic-5 --name tiny --work "$work"
step emotiw evaluate tiny emotions --split test --work "$work"
step emotiw predict examples/photos --bundle tiny --draw "$work/drawn" --work "$work"
step emotiw status --work "$work"
