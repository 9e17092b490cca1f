internal import Addressing
internal import Columns

/// Pages by Zipf's law: rank r in proportion to 1 / (r + 1), the ranks scattered over the pages, so that popular ones are no neighbours.
struct ZipfGenerator: AccessGenerator {
  private let popularity: ScatteredPopularity
  private let writes: UInt64
  private var ranks: RandomStream
  private var random: RandomStream

  init(_ values: GeneratorValues, _ source: RandomSource) {
    let pages = values.count("pages")
    var shuffling = source.stream("zipf/places")
    popularity = ScatteredPopularity(pages, &shuffling)
    writes = values["writes"]
    ranks = source.stream("zipf/rank")
    random = source.stream("zipf/word")
  }

  mutating func step(_ batch: borrowing AccessBatch, _ count: inout Int) {
    let page = popularity.draw(&ranks)
    let kind: AccessKind = random.below(100) < writes ? .write : .read
    batch.put(GeneratedLayout.data + page << 12 + random.below(512) << 3, kind, &count)
  }
}

/// A pointer in each page, at a place of its own, that leads to another page: all pages lie on one cycle, in random order.
struct PointerChaseGenerator: AccessGenerator {
  private let order: RandomOrder
  private let pages: UInt64
  private var place: UInt64 = 0

  init(_ values: GeneratorValues, _ source: RandomSource) {
    var random = source.stream("pointer-chase/cycle")
    pages = values["pages"]
    order = RandomOrder(pages, &random)
  }

  mutating func step(_ batch: borrowing AccessBatch, _ count: inout Int) {
    let page = order.number(at: place)
    batch.put(GeneratedLayout.data + page << 12 + SplitMix64.mix(page) & 0xff8, .read, &count)
    place = place + 1 == pages ? 0 : place + 1
  }
}

/// A graph in compressed sparse rows, as graph frameworks keep it: for a random vertex, its two offsets, then its edges one after the
/// other, and for each edge the property of the vertex that it leads to.
///
/// Degrees fall off as a power law (a vertex has more than d edges in proportion to 1 / d), and so does how often a vertex is led to
/// (Zipf's law). The graph is fixed: an edge always leads to the same vertex, which is drawn from a stream of its own and kept nowhere.
struct GraphGenerator: AccessGenerator {
  private let rows: GraphRows
  private let popularity: ScatteredPopularity
  private let edgeBase: UInt64
  private let propertyBase: UInt64
  private let writes: UInt64
  private let edgeSeed: UInt64
  private var random: RandomStream
  private var edge: UInt32 = 0
  private var end: UInt32 = 0

  init(_ values: GeneratorValues, _ source: RandomSource) {
    let (words, degree) = (values["pages"] << 9, values["degree"])
    let vertices = max(1, Int((words - 1) / (2 + degree)))
    let edges = words - 2 * UInt64(vertices) - 1
    var degrees = source.stream("graph/degrees")
    rows = GraphRows(vertices, degree: degree, edges: edges, &degrees)
    var shuffling = source.stream("graph/places")
    popularity = ScatteredPopularity(vertices, &shuffling)
    edgeBase = GeneratedLayout.data + UInt64(vertices + 1) << 3
    propertyBase = edgeBase + edges << 3
    writes = values["writes"]
    var seeds = source.stream("graph/edges")
    edgeSeed = seeds.next()
    random = source.stream("graph/vertex")
  }

  mutating func step(_ batch: borrowing AccessBatch, _ count: inout Int) {
    guard edge < end else {
      let vertex = random.index(below: rows.vertices)
      (edge, end) = rows.edges(of: vertex)
      batch.put(GeneratedLayout.data + UInt64(vertex) << 3, .read, &count)
      batch.put(GeneratedLayout.data + UInt64(vertex + 1) << 3, .read, &count)
      return
    }
    var target = RandomStream(seed: edgeSeed ^ UInt64(edge))
    batch.put(edgeBase + UInt64(edge) << 3, .read, &count)
    let place = popularity.draw(&target)
    batch.put(propertyBase + place << 3, random.below(100) < writes ? .write : .read, &count)
    edge += 1
  }
}

// What a generator holds for each page is a class's: generators themselves are values that can be copied.

/// Things drawn by Zipf's law, the popular ones scattered over all.
final class ScatteredPopularity {
  private let sampler: ZipfSampler
  private let places: Column<UInt32>

  init(_ count: Int, _ random: inout RandomStream) {
    sampler = ZipfSampler(count: count)
    places = Permutations.shuffled(count, &random)
  }

  func draw(_ random: inout RandomStream) -> UInt64 { UInt64(places[sampler.rank(from: &random)]) }
}

/// Where each vertex's edges begin and end.
final class GraphRows {
  /// The mean of 2^16 / u for u from 1 to 2^16 is the harmonic number of 2^16, 11.7.
  private static let meanOfInverse: UInt64 = 12

  let vertices: Int
  /// One more than there are vertices.
  private let offsets: Column<UInt32>

  /// Draws degrees until `edges` are used up.
  init(_ vertices: Int, degree: UInt64, edges: UInt64, _ random: inout RandomStream) {
    self.vertices = vertices
    offsets = Column(count: vertices + 1)
    var total: UInt64 = 0
    for vertex in 0..<vertices {
      let drawn = degree << 16 / (Self.meanOfInverse * (1 + random.below(1 << 16)))
      total = min(edges, total + min(drawn, UInt64(vertices)))
      offsets[vertex + 1] = UInt32(truncatingIfNeeded: total)
    }
  }

  func edges(of vertex: Int) -> (UInt32, UInt32) { (offsets[vertex], offsets[vertex + 1]) }
}
