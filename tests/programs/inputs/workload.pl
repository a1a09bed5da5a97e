use strict;
use warnings;
my %table;
$table{$_} = 'x' x ($_ % 997) for 1 .. 60_000;
delete $table{$_} for grep { $_ % 3 == 0 } keys %table;
my $text = join ',', map { "$_=" . length $table{$_} } sort { $a <=> $b } keys %table;
my $count = () = $text =~ /(\d+)=99\d/g;
print scalar(keys %table), ' ', length $text, " $count\n";
my @sorted = sort map { reverse $_ } 1 .. 100_000;
print "$sorted[0] $sorted[-1]\n";
my $child = open(my $pipe, '-|') // die;
if (!$child) { print unpack('%32C*', $text), "\n"; exit 0 }
print <$pipe>;
