# By its file: found by name in several threads at once, Digest::SHA256 fails now and then.
require 'digest/sha2'
require 'json'
require 'zlib'

def digest(seed)
  rows = (0...5000).map { |k| { id: k, name: "row #{k * seed}", tags: (1..5).map { |j| (k % j).to_s } } }
  text = JSON.generate(rows)
  raise 'JSON' unless JSON.parse(text).length == rows.length
  words = text.scan(/row \d+/).group_by { |word| word[-1] }.transform_values(&:length)
  Digest::SHA256.hexdigest(Zlib::Deflate.deflate(text) + words.sort.to_s)
end

puts (1..4).map { |seed| Thread.new { digest(seed) } }.map(&:value)
reader, writer = IO.pipe
fork { writer.puts digest(9); exit!(0) }
Process.wait
writer.close
puts reader.read == digest(9) + "\n"
GC.stress = true
20.times { |k| "stress #{k}" * 10 }
GC.stress = false
GC.compact if GC.respond_to?(:compact)
puts (0...200_000).map { |k| k.to_s }.each_slice(7).map(&:join).map(&:length).sum
