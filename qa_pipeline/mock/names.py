"""Names of people, towns, streets and firms that every domain may use, and how a pool is divided among the splits."""

from __future__ import annotations

SPLITS = ("train", "validation", "test")


def pool(text: str) -> tuple[str, ...]:
    """The names in a comma-separated text, which may run over several lines."""
    return tuple(" ".join(name.split()) for name in text.split(","))


SHARED_POOLS: dict[str, tuple[str, ...]] = {
    "forename": pool("""
        Amara, Bjorn, Carmen, Dmitri, Elena, Farid, Greta, Hassan, Imogen, Jonas, Keiko, Lucia, Malik, Nadia, Owen,
        Priya, Quentin, Rosa, Samir, Tamsin, Ulrich, Vera, Wilfred, Xenia, Yusuf, Zofia, Anders, Beatriz, Callum,
        Deepa, Esther, Felix, Gemma, Henrik, Isla, Jamal, Katya, Leopold, Mireille, Nikhil
    """),
    "surname": pool("""
        Abernathy, Brandt, Castellano, Dahl, Eriksen, Fontaine, Grierson, Hollis, Ibarra, Jankowski, Kessler,
        Lindqvist, Marchetti, Nakamura, Okafor, Pemberton, Quigley, Rasmussen, Santoro, Thackeray, Underhill, Vasquez,
        Whitlock, Yamada, Zielinski, Ashby, Bellamy, Chaudhry, Delacroix, Ellwood, Farrow, Gallagher, Haverford,
        Ingram, Jessop, Kowalczyk, Langley, Mbeki, Norling, Osei, Prakash, Ravenscroft, Sorensen, Trevelyan, Venter,
        Wainwright, Yilmaz, Adeyemi, Blackwood, Cordero
    """),
    "town": pool("""
        Aldermoor, Brackenford, Castlebridge, Dunmere, Eastwick, Fernhollow, Glenrath, Harrowgate, Inverlea,
        Kestrelton, Langdale, Marlowe, Northcombe, Oakhampton, Penrose, Quarrington, Redcliffe, Silverdale, Thornbury,
        Upwell, Valemouth, Westerleigh, Yarrowby, Ashcombe, Birchfield, Coldstream, Drayton, Elmstead, Foxley,
        Greystoke, Hawksworth, Ivybridge, Kingsmere, Linfield, Moorside, Netherby, Orchardleigh, Pinewood, Ravensmoor,
        Stonehaven, Tidewell, Underwood, Wickham, Briarton, Copperhill
    """),
    "street": pool("""
        Acacia, Beacon, Canal, Dovecote, Elm, Foundry, Garrison, Harbour, Ironmonger, Juniper, Kiln, Larch, Mercer,
        Nightingale, Orchard, Paddock, Quayside, Rectory, Saddler, Tannery, Upland, Vicarage, Willow, Abbey, Cooper
    """),
    "firm": pool("""
        Arkwell, Brightwater, Calloway, Dorrington, Everstone, Falkirk, Granthorpe, Halvorsen, Interlake, Jorvik,
        Kelburn, Lockwood, Meridian, Norbury, Oldcastle, Pallister, Quorum, Ridgeway, Stratton, Tolworth, Umberleigh,
        Vantage, Westbrook, Axbridge, Bramhall, Crossfell, Denholm, Edgerton, Fairholm, Glaston, Hartwell, Ivory,
        Kingsley, Larkspur, Montrose
    """),
}


def names_of_split(names: tuple[str, ...], split: str) -> tuple[str, ...]:
    """The part of a pool that belongs to a split: three fifths train, one fifth each validation and test.

    The division does not depend on a seed, so data made with one seed can test a model trained on another.
    """
    owners = {3: "validation", 4: "test"}
    return tuple(name for i, name in enumerate(names) if owners.get(i % 5, "train") == split)
