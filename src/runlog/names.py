"""Names and ids that runs get by themselves: `spiffy-ant-137`, and 32 hexadecimal digits."""

from __future__ import annotations

# Bytes from the system, not from the `random` module: a script that seeds its experiments
# would otherwise give the same names and ids to all of them.
from os import urandom

ADJECTIVES = tuple(
    """able agile airy alert amber ample amused apt arctic artful ashen autumn avid azure balmy
    blithe bold bouncy brave breezy bright brisk bronze bubbly calm candid careful casual cheery
    civil classy clean clever cobalt coral cosmic cozy crisp curious dainty dapper daring deft
    dreamy eager earnest easy elated epic fancy fearless festive fine fleet fluffy fond frank
    fresh frosty gentle gifted glad gleaming golden graceful grand handy happy hardy hearty
    helpful honest humble ivory jolly jovial joyful keen kind lively loyal lucid lucky lunar
    mellow merry mighty mild mindful misty modest neat nifty nimble noble orderly patient peppy
    placid playful plucky polite proud quaint quick quiet rapid ready regal robust rosy rustic
    sandy serene sharp shiny silent silver sincere sleek smooth snappy snowy solar spiffy
    sprightly spry stately steady stellar stoic sturdy sunny superb swift tidy tranquil trusty
    upbeat valiant vast velvet vivid warm wise witty zesty""".split()
)

NOUNS = tuple(
    """acorn alpaca anchor ant antelope aspen badger bear beaver bee birch bison bluejay brook
    bunting canyon cardinal caribou cedar chipmunk cliff clover comet condor coral cove crane
    creek cricket crow cypress deer delta dingo dolphin dove dragonfly duck dune eagle egret elk
    elm ermine falcon fern ferret finch firefly fjord flamingo forest fox frog gazelle gecko
    geyser glacier goose grove gull hare harbor hawk hazel heron hill hornbill horse ibex ibis
    iguana impala iris island jackal jaguar jay juniper kestrel kite kiwi koala lagoon lake
    lapwing lark laurel lemur lichen lily llama loon lotus lynx magpie manatee maple marmot
    marten meadow merlin mesa mink moose moth narwhal newt oak ocelot olive orca orchid oriole
    osprey otter owl panda panther parrot pebble pelican penguin petrel pine plover pony poplar
    prairie puffin quail quokka rabbit raccoon raven reef river robin salmon seal sequoia shark
    sparrow spruce squid squirrel starling stork summit swallow swan swift tapir teal tern thrush
    tiger toad topaz toucan trout tulip turtle valley vole walrus warbler weasel whale willow
    wolf wombat wren yak zebra""".split()
)


def generate() -> str:
    """Return a readable name such as `spiffy-ant-137`: an adjective, a noun and a number below
    1000. Not unique: of 25 million names, two runs among a few thousand may share one."""
    rest, number = divmod(int.from_bytes(urandom(8), "big"), 1000)
    rest, noun = divmod(rest, len(NOUNS))
    return f"{ADJECTIVES[rest % len(ADJECTIVES)]}-{NOUNS[noun]}-{number}"


def run_id() -> str:
    """Return a new random id of 32 lowercase hexadecimal digits, a version 4 UUID without its
    dashes."""
    digits = urandom(16).hex()
    variant = "89ab"[int(digits[16], 16) % 4]
    return f"{digits[:12]}4{digits[13:16]}{variant}{digits[17:]}"
