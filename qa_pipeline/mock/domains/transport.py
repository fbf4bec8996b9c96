"""Transport: bus and rail lines and ferries."""

from __future__ import annotations

from qa_pipeline.mock.domain import Domain, Topic, attribute
from qa_pipeline.mock.names import pool

LINES = Topic(
    name="lines",
    entities=("the {line} [Line|Line|Express]",),
    pronouns=("it", "this line", "the line"),
    openings=(
        "The network around {town} includes {all}.",
        "Passengers can change between {all} at the central station.",
    ),
    fillers=(
        "The central station, opened on {date:1890-1975}, has {words:4-16} platforms and a clock from {town}.",
        "Lost property is kept for {words:3-12} weeks and returned for {money:3-15}.",
        "The depot on {street} Road employs {int:60-600} people and opens at {clock:3-6}.",
        "A survey by {forename} {surname} found that {int:52-97}% of passengers feel safe.",
        "New shelters cost {money:9000-90000:500} and took {words:3-12} months to put up.",
    ),
    attributes=(
        attribute("""
            first: time
            {clock:4-8}
            The first [train|service] on {e} leaves at {v}.
            Early risers can board {e} from {v}.
            On {e}, the day begins at {v}.
            {e} starts up at {v}, {e2} at {v2}.
            When does the first service on {e} leave?
            From what time can early risers board {e}?
            At what time does the day begin on {e}?
        """),
        attribute("""
            last: time
            {clock:20-24}
            The last [train|service] on {e} leaves at {v}.
            {e} shuts down for the night at {v}.
            After {v}, nothing more runs on {e}.
            {e} stops for the night at {v}, {e2} at {v2}.
            When does the last service on {e} leave?
            At what time does {e} shut down for the night?
            After what time does nothing more run on {e}?
        """),
        attribute("""
            single: money
            {money:2-38}
            A single ticket for {e} costs {v}.
            Adults pay {v} for one ride on {e}.
            One trip on {e} is {v}.
            A single is {v} on {e} and {v2} on {e2}.
            How much is a single ticket for {e}?
            What do adults pay for one ride on {e}?
            What is the price of one trip on {e}?
        """),
        attribute("""
            pass: money
            {money:45-290}
            A monthly pass for {e} costs {v}.
            Regulars can ride {e} for a month for {v}.
            {v} buys thirty days on {e}.
            A month costs {v} on {e} and {v2} on {e2}.
            What does a monthly pass for {e} cost?
            For how much can regulars ride {e} for a month?
            How much do thirty days on {e} cost?
        """),
        attribute("""
            journey: duration
            {int:15-95} minutes
            {words:2-6} hours
            From end to end, {e} takes {v}.
            The whole journey on {e} lasts {v}.
            Passengers who stay on {e} to the end spend {v} on board.
            The full ride takes {v} on {e} and {v2} on {e2}.
            How long does the whole journey on {e} take?
            How much time does a full ride on {e} need?
            How long do passengers who stay on {e} to the end spend on board?
        """),
        attribute("""
            frequency: duration
            every {int:4-55} minutes
            every {words:2-5} hours
            {e} [runs|departs|goes] {v}.
            There is a service on {e} {v}.
            At midday, {e} can be caught {v}.
            {e} runs {v}, {e2} {v2}.
            How often does {e} [run|depart|go]?
            At what interval is there a service on {e}?
            How frequently can {e} be caught at midday?
        """),
        attribute("""
            stops: number
            {int:5-60} [stops|stations]
            {words:5-19} [stops|stations]
            {e} [serves|has|calls at] {v}.
            There are {v} on {e}.
            Counting both ends, {e} comes to {v}.
            {e} serves {v} and {e2} {v2}.
            How many [stops|stations] [does {e} serve|are there on {e}]?
            What number of places does {e} call at?
            How many halts does {e} come to, counting both ends?
        """),
        attribute("""
            terminus: place
            {town} [Harbour|Airport|Cross]
            {town}
            {e} [ends|terminates] at {v}.
            The terminus of {e} is {v}.
            Everyone has to leave {e} at {v}.
            {e} ends at {v}, {e2} at {v2}.
            Where does {e} [end|terminate]?
            What is the terminus of {e}?
            At which place does everyone have to leave {e}?
        """),
        attribute("""
            operator: organization
            {firm} [Rail|Transit|Buses]
            {e} is [run|operated] by {v}.
            {v} [won|holds] the concession for {e}.
            The operator of {e} is {v}.
            {v} operates {e}, and {v2} operates {e2}.
            Who [runs|operates] {e}?
            Which company holds the concession for {e}?
            What is the operator of {e} called?
        """),
        attribute("""
            opened: date
            {date:1960-2023}
            {e} was [opened|inaugurated] on {v}.
            The first passengers rode {e} on {v}.
            {v} was the opening day of {e}.
            {e} opened on {v}, {e2} on {v2}.
            When was {e} [opened|inaugurated]?
            On what date did the first passengers ride {e}?
            What was the opening day of {e}?
        """),
        attribute("""
            diversion: clause
            because [a bridge|a tunnel|an embankment] is being [rebuilt|widened|inspected]
            because [the signals|the overhead wires|two junctions] [failed|were damaged by a storm|need replacing]
            because [a market|a marathon|roadworks] [blocks|occupies] the [usual|old|shorter] way
            At present {e} [is diverted|takes another way] {v}.
            Delays on {e} must be expected {v}.
            {e} has a temporary timetable {v}.
            {e} is disrupted {v}, and {e2} {v2}.
            Why is {e} [diverted|disrupted]?
            For what reason must delays on {e} be expected?
            Why does {e} have a temporary timetable?
        """),
    ),
)

FERRIES = Topic(
    name="ferries",
    entities=("the {ship}",),
    pronouns=("it", "the ferry", "this ship"),
    openings=(
        "From the pier, passengers can watch {all} come in.",
        "The fleet of {firm} Ferries includes {all}.",
    ),
    fillers=(
        "The pier is {int:110-600} metres long and was mended on {date:2012-2023} for {money:9000-90000:500}.",
        "Harbour master {forename} {surname} keeps the light on until {clock:20-23}.",
        "The café on {street} Quay asks {money:3-14} for breakfast and opens for {words:4-11} hours.",
        "Storms close the harbour at {town} on {words:6-19} days of the year.",
        "In the museum, {int:20-200} model boats can be seen from {clock:8-11}.",
    ),
    attributes=(
        attribute("""
            passengers: number
            {int:80-990} [passengers|people]
            {e} [carries|takes|has room for] {v}.
            Up to {v} fit on board {e}.
            The licence of {e} allows {v}.
            {e} carries {v} and {e2} {v2}.
            How many people does {e} [carry|take]?
            How many fit on board {e}?
            What number does the licence of {e} allow?
        """),
        attribute("""
            cars: number
            {int:12-240} [cars|vehicles]
            The lower deck of {e} holds {v}.
            {e} can load {v} [at once|through the bow].
            There is parking for {v} on {e}.
            {e} loads {v}, {e2} {v2}.
            How many vehicles can {e} load?
            For how many is there parking on {e}?
            What does the lower deck of {e} hold?
        """),
        attribute("""
            speed: number
            {int:9-38} knots
            {int:20-70} km/h
            {e} [reaches|travels at|does] {v}.
            The top speed of {e} is {v}.
            In calm water, {e} makes {v}.
            {e} does {v} and {e2} {v2}.
            How fast is {e}?
            What is the top speed of {e}?
            What does {e} make in calm water?
        """),
        attribute("""
            crossing: duration
            {int:15-95:5} minutes
            {words:2-14} hours
            {e} crosses in {v}.
            The passage on {e} takes {v}.
            Travellers are on the water for {v} with {e}.
            {e} crosses in {v}, {e2} in {v2}.
            How long does the crossing on {e} take?
            In what time does {e} cross?
            How long are travellers on the water with {e}?
        """),
        attribute("""
            ticket: money
            {money:6-80}
            {money:6-80}.50
            The fare on {e} is {v} for [adults|foot passengers].
            Foot passengers pay {v} on {e}.
            To board {e}, one needs a ticket for {v}.
            Adults pay {v} on {e} and {v2} on {e2}.
            What is the fare on {e}?
            How much do foot passengers pay on {e}?
            How much is the ticket that one needs to board {e}?
        """),
        attribute("""
            departs: time
            {clock:6-12}
            {clock:12-20}
            {e} [sails|departs|casts off] at {v}.
            The ropes of {e} are let go at {v}.
            Be on board {e} before {v}, when it leaves.
            {e} sails at {v} and {e2} at {v2}.
            At what time does {e} [sail|depart|cast off]?
            When are the ropes of {e} let go?
            When does {e} leave?
        """),
        attribute("""
            captain: person
            Captain {forename} {surname}
            {forename} {surname}
            {v} is in command of {e}.
            {e} is under the command of {v}.
            On the bridge of {e} stands {v}.
            {v} commands {e}, and {v2} commands {e2}.
            Who is in command of {e}?
            Who is the captain of {e}?
            Who stands on the bridge of {e}?
        """),
        attribute("""
            yard: place
            {town}
            the {firm} yard
            {e} was [built|laid down|launched] in {v}.
            The hull of {e} comes from {v}.
            Shipbuilders in {v} constructed {e}.
            {e} was built in {v}, {e2} in {v2}.
            Where was {e} [built|laid down|constructed]?
            From where does the hull of {e} come?
            In what place did shipbuilders construct {e}?
        """),
        attribute("""
            maiden: date
            {date:1975-2023}
            The maiden voyage of {e} was on {v}.
            {e} first put to sea on {v}.
            {e} entered service on {v}.
            {e} entered service on {v}, {e2} on {v2}.
            When was the maiden voyage of {e}?
            On what date did {e} first put to sea?
            When did {e} enter service?
        """),
        attribute("""
            cancelled: clause
            if the [waves rise|swell rises] above [two|three|four] metres
            if [fog|ice|thick smoke] [hides the pier|drifts into the channel|closes the strait]
            if [fewer than ten people|no lorries|too few crew] [turn up|are on board]
            if the [wind|tide] [turns to the north|is too low|is stronger than forecast]
            {e} stays in port {v}.
            Sailings of {e} are [cancelled|called off] {v}.
            Tickets for {e} are refunded {v}.
            {e} stays in port {v}, {e2} {v2}.
            When does {e} stay in port?
            In what case are sailings of {e} [cancelled|called off]?
            Under what condition are tickets for {e} refunded?
        """),
    ),
)

TRANSPORT = Domain(
    name="transport",
    description="Rail and bus lines and ferries: times, fares, journey lengths, operators and disruptions.",
    keywords=("transport", "train", "bus", "ferry", "timetable", "ticket", "fare", "station", "route", "travel"),
    titles=(
        "{town} [Transport Guide|Travel Handbook|Network Information]",
        "[Getting around|Travelling in] {town} and {town}",
    ),
    pools={
        "line": pool("""
            Amber, Birch, Coastal, Duchy, Estuary, Fenland, Gorge, Heath, Island, Jubilee, Knoll, Lakeside, Moorland,
            Northern, Orchard Valley, Peak, Quayside, Riverbank, Saltmarsh, Tramway, Upland, Valley, Woodland,
            Highfield, Crescent, Bluebird, Pilgrim, Silver, Meadow, Castle
        """),
        "ship": pool("""
            Maren Rose, Ocean Lark, Queen Edda, Sea Holly, Northern Gull, Lady Sorrel, Silver Tern, Island Belle,
            Star of Skerry, King Harald, Grey Heron, Bonny Jean, Red Kite, Duke of Orme, Western Isle, Salty Nell,
            Princess Ana, Morning Tide, Stella Polaris, Bay Runner, White Petrel, Spirit of Wray, Golden Plover,
            Blue Marlin, Countess Vera, Storm Finch, Evening Star, Black Swan, Merry Widow, Fair Isle
        """),
    },
    topics=(LINES, FERRIES),
)
