"""Astronomy: planets of other stars and the probes and telescopes of a (made-up) catalogue."""

from __future__ import annotations

from qa_pipeline.mock.domain import Domain, Topic, attribute
from qa_pipeline.mock.names import pool

PLANETS = Topic(
    name="planets",
    entities=("{star} [b|c|d|e]",),
    pronouns=("it", "this planet", "the planet"),
    openings=(
        "Among the worlds in this part of the sky are {all}.",
        "The survey of {firm} Observatory compared {all}.",
    ),
    fillers=(
        "The survey used {int:120-900} nights, cost {money:20000-900000:5000} and ended on {date:2014-2023}.",
        "Its chief editor, {forename} {surname}, has mapped {int:12-95}% of the field from {town}.",
        "A meteor shower peaks there at {clock:19-23} and lasts {words:3-12} days.",
        "The chart of this region was first printed in {town} on {date:1920-1990}.",
        "A nearby nebula is {int:200-900} light years across and was sketched {words:4-19} decades ago.",
    ),
    attributes=(
        attribute("""
            distance: number
            {int:12-990} light years
            {e} is {v} [away|from Earth].
            The distance from us to {e} is [about |]{v}.
            Light from {e} has crossed {v} of space to reach us.
            {e} lies at {v} from us, {e2} at {v2}.
            How far away is {e}?
            What is the distance from us to {e}?
            How much space has light from {e} crossed?
        """),
        attribute("""
            year: duration
            {int:21-950} [days|hours]
            {words:2-19} years
            {e} [goes round|orbits|circles] its star in {v}.
            A year on {e} lasts {v}.
            One lap of its orbit takes {e} {v}.
            A year lasts {v} on {e} and {v2} on {e2}.
            How long [is a year on {e}|does {e} take to orbit its star]?
            In what time does {e} circle its star?
            What is the orbital period of {e}?
        """),
        attribute("""
            day: duration
            {decimal:7-60} hours
            {int:15-95} minutes
            {e} [spins|turns] once on its axis every {v}.
            From one sunrise to the next on {e} it is {v}.
            The length of a day on {e} is {v}.
            A day lasts {v} on {e} and {v2} on {e2}.
            How long is a day on {e}?
            How often does {e} turn on its axis?
            How much time is it from one sunrise to the next on {e}?
        """),
        attribute("""
            mass: number
            {decimal:1-30} Earth masses
            {int:2-60} times the mass of [Mars|Venus|the Moon]
            The mass of {e} is [put at|estimated at] {v}.
            {e} has {v}.
            Weighed by its pull on the star, {e} comes out at {v}.
            {e} has {v} and {e2} has {v2}.
            What is the mass of {e}?
            How massive is {e}?
            How heavy does {e} come out when weighed by its pull on the star?
        """),
        attribute("""
            temperature: number
            {int:105-990:5} degrees
            minus {int:20-240:5} degrees
            The [surface|cloud tops] of {e} [has|reaches] {v}.
            On {e}, thermometers would show {v}.
            {e} is kept at {v} by its star.
            It is {v} on {e} and {v2} on {e2}.
            How hot or cold is {e}?
            What is the temperature on {e}?
            What would thermometers show on {e}?
        """),
        attribute("""
            discovered: date
            {date:1996-2023}
            {e} was [discovered|detected|first seen] on {v}.
            The find of {e} was announced on {v}.
            Astronomers became aware of {e} on {v}.
            {e} was found on {v}, {e2} on {v2}.
            When was {e} [discovered|detected|first seen]?
            On what date did astronomers become aware of {e}?
            When was the find of {e} announced?
        """),
        attribute("""
            discoverer: person
            {forename} {surname}
            Professor {forename} {surname}
            {v} [discovered|found|was the first to spot] {e}.
            The credit for finding {e} goes to {v}.
            {e} was [discovered|found] by {v}.
            {v} found {e}, and {v2} found {e2}.
            Who [discovered|found|was the first to spot] {e}?
            To whom does the credit for finding {e} go?
            Which astronomer is {e} owed to?
        """),
        attribute("""
            seen_from: place
            {town}
            [Mount|Cape|Lake] {surname}
            the {firm} array
            The first image of {e} was taken at {v}.
            {e} is best watched from {v}.
            Measurements of {e} are made at {v}.
            {e} is watched from {v}, {e2} from {v2}.
            From where is {e} watched?
            Where are measurements of {e} made?
            At what place was the first image of {e} taken?
        """),
        attribute("""
            made_of: phrase
            [liquid|frozen|hot] [methane|ammonia|nitrogen] over [a rocky core|an iron core|black sand]
            [red|grey|glassy] [basalt|granite|dust] and [traces of|little|some] [ice|sulphur|salt]
            [a deep|a shallow] ocean under [thick|thin|broken] ice
            [molten|porous] [silicon|iron|carbon]
            {e} [consists|is made up] of {v}.
            The body of {e} is {v}.
            Spectra show that {e} contains {v}.
            {e} is made of {v}, {e2} of {v2}.
            Of what [is {e} made|does {e} consist]?
            What do spectra show that {e} contains?
            What is {e} made up of?
        """),
        attribute("""
            odd: clause
            because [its orbit|its axis|its ring] is [tilted|reversed|stretched] by [a passing star|a lost moon]
            because [two|three|four] [moons|storms|comets] [pull at it|cross its face|follow its path]
            because its [clouds|poles|plains] [glow at night|vanish each spring|reflect no light]
            {e} puzzles astronomers {v}.
            Textbooks [mention|single out] {e} {v}.
            {e} is thought to be unusual {v}.
            {e} is unusual {v}, and {e2} {v2}.
            Why does {e} puzzle astronomers?
            Why is {e} thought to be unusual?
            For what reason do textbooks mention {e}?
        """),
    ),
)

MISSIONS = Topic(
    name="missions",
    entities=("the {mission} [probe|telescope|orbiter|lander]",),
    pronouns=("it", "the spacecraft", "this mission"),
    openings=(
        "Three budgets had to be found before {all} could be built.",
        "The agency in {town} is responsible for {all}.",
    ),
    fillers=(
        "The control room, opened on {date:1995-2015}, seats {int:20-120} people and starts work at {clock:5-9}.",
        "A visitor centre in {town} takes {money:4-25} for a tour of {int:30-90:5} minutes.",
        "The antenna dish weighs {int:40-400} tonnes and was welded by {firm} Steel in {words:4-15} months.",
        "A film about the agency by {forename} {surname} runs for {int:70-140} minutes.",
        "About {int:20-80}% of the agency's {int:300-2000} staff are engineers.",
    ),
    attributes=(
        attribute("""
            launch: date
            {date:1998-2024}
            {e} [lifted off|was launched|left Earth] on {v}.
            The rocket that carried {e} rose on {v}.
            {v} was the day on which {e} went into space.
            {e} was launched on {v}, {e2} on {v2}.
            When [was {e} launched|did {e} lift off|did {e} leave Earth]?
            On what date did the rocket with {e} rise?
            On which day did {e} go into space?
        """),
        attribute("""
            arrival: date
            {date:2025-2039}
            {e} is [due|expected] at its target on {v}.
            The arrival of {e} is planned for {v}.
            If all goes well, {e} reaches its goal on {v}.
            {e} arrives on {v} and {e2} on {v2}.
            When is {e} expected at its target?
            For what date is the arrival of {e} planned?
            When does {e} reach its goal if all goes well?
        """),
        attribute("""
            cost: money
            {money:40-990} million
            {money:2-19} billion
            {e} cost {v} [in all|to build].
            The [budget|price tag] of {e} came to {v}.
            Taxpayers spent {v} on {e}.
            {e} cost {v}, while {e2} cost {v2}.
            How much did {e} cost?
            What did the budget of {e} come to?
            What did taxpayers spend on {e}?
        """),
        attribute("""
            weight: number
            {int:210-990} kg
            {decimal:1-14} tonnes
            {e} [weighs|weighed] {v} at take-off.
            The mass of {e} is {v} with full tanks.
            Fully loaded, {e} came to {v}.
            {e} weighs {v} and {e2} {v2}.
            How much does {e} weigh?
            What is the mass of {e} with full tanks?
            How heavy was {e} at take-off?
        """),
        attribute("""
            mirror: number
            {decimal:1-9} metres
            {int:25-98} cm
            The main mirror of {e} is {v} wide.
            {e} looks at the sky through an opening of {v}.
            Light falls into {e} through a lens that measures {v}.
            The optics measure {v} on {e} and {v2} on {e2}.
            How wide is the main mirror of {e}?
            What do the optics of {e} measure?
            How large is the opening through which {e} looks at the sky?
        """),
        attribute("""
            lifetime: duration
            {words:3-19} years
            {int:8-70} months
            {e} is [meant|designed|built] to work for {v}.
            The planned lifetime of {e} is {v}.
            Fuel on board keeps {e} going for {v}.
            {e} should last {v} and {e2} {v2}.
            For how long is {e} meant to work?
            What is the planned lifetime of {e}?
            How long does the fuel on board keep {e} going?
        """),
        attribute("""
            delay: duration
            {words:2-15} months
            {int:20-90} weeks
            The start of {e} [slipped|was put off] by {v}.
            {e} was ready {v} later than planned.
            Engineers lost {v} during the building of {e}.
            {e} was delayed by {v}, {e2} by {v2}.
            By how much was the start of {e} [delayed|put off]?
            How much later than planned was {e} ready?
            How much time was lost during the building of {e}?
        """),
        attribute("""
            scientist: person
            Dr {forename} {surname}
            {forename} {surname}
            {v} [heads|leads] the science team of {e}.
            {e} is under the scientific direction of {v}.
            The principal investigator of {e} is {v}.
            {v} heads the team of {e}, {v2} that of {e2}.
            Who [heads|leads] the science team of {e}?
            Under whose direction is {e}?
            Who is the principal investigator of {e}?
        """),
        attribute("""
            builder: organization
            {firm} [Aerospace|Dynamics|Space Systems]
            {v} [built|constructed|assembled] {e}.
            {e} was put together by {v}.
            The order for {e} was placed with {v}.
            {v} built {e}, and {v2} built {e2}.
            [Who|Which company] [built|constructed|assembled] {e}?
            With whom was the order for {e} placed?
            By which firm was {e} put together?
        """),
        attribute("""
            task: phrase
            [mapping|photographing|counting] the [craters|dust rings|volcanoes] of [Mercury|Io|Ceres|Titan]
            [weighing|tracking|sampling] [small asteroids|comet tails|moon dust]
            [listening for|timing] [radio bursts|pulsars|solar flares]
            [the search for|a census of] [water ice|young stars|dark clouds]
            The [first|main|chief] task of {e} is {v}.
            {e} was designed for {v}.
            Scientists use {e} for {v}.
            {e} is for {v}, and {e2} is for {v2}.
            What is the main task of {e}?
            What was {e} designed for?
            For what do scientists use {e}?
        """),
    ),
)

ASTRONOMY = Domain(
    name="astronomy",
    description="Planets of other stars and space missions: figures, dates, people, makers and purposes.",
    keywords=("astronomy", "space", "planet", "star", "telescope", "orbit", "mission", "spacecraft", "science"),
    titles=(
        "[Sky Atlas|Star Catalogue|Space Almanac], {town} [edition|supplement]",
        "[Worlds|Planets|Missions] described by {forename} {surname}",
    ),
    pools={
        "star": pool("""
            Kelvarra, Ostrum, Belinor, Tarsis, Quendor, Ophira, Zelmar, Corvexa, Mirandel, Halcyra, Dranoth, Essaria,
            Fenrix, Galatine, Ixion, Jorvanna, Lyssara, Nimbria, Pyralis, Rhovan, Solenne, Thessia, Umbriel, Vandora,
            Wolmar, Xanthe, Ysolde, Aldenor, Brevia, Calydra
        """),
        "mission": pool("""
            Halden, Pathlight, Meridian Star, Skylark, Beacon, Voyageur, Tycho, Northwind, Lantern, Odyssey, Herschel,
            Farsight, Perihelion, Sentinel, Aurora, Compass, Stardust, Longview, Copernica, Trailblazer, Galileia,
            Horizon, Wayfarer, Ptolemy, Clarion, Nightfall, Harbinger, Keplerine, Daybreak, Zenith
        """),
    },
    topics=(PLANETS, MISSIONS),
)
