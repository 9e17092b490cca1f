# Processor time of the scanner
# Draws scanner-cpu.csv into scanner-cpu.svg: run "gnuplot scanner-cpu.gp" in this folder.
set encoding utf8
set terminal svg size 960,400 fixed noenhanced background '#FFFFFF' font 'sans-serif,14'
set output 'scanner-cpu.svg'
set datafile separator comma
set decimalsign '.'
set border 3 linecolor rgb '#333C46' linewidth 1
set tics out nomirror scale 0.6 textcolor rgb '#333C46'
set grid ytics back linetype 1 linecolor rgb '#DDE2E8' linewidth 1 dashtype solid
set xtics offset 0,0.35
set ytics offset 0.5,0
unset key
set xrange [0:90000000000/1000000000.0]
set arrow from screen 0.08125, 0.95000 to screen 0.10833, 0.95000 nohead front linewidth 2.5 dashtype solid linecolor rgb '#0072B2'
set label 'Scanner' at screen 0.11563, 0.95000 left front textcolor rgb '#333C46'
set lmargin at screen 0.08125; set rmargin at screen 0.97500
set tmargin at screen 0.88000; set bmargin at screen 0.14000
set xlabel 'Virtual time (s)' offset 0,0.8 textcolor rgb '#333C46'
set ylabel 'Of a processor (%)' textcolor rgb '#333C46'
set yrange [0:55.454400352]; set ytics 0, 10.0
plot 'scanner-cpu.csv' every 1 skip 1 using ($1/1000000000.0):($2/0.01) with lines linewidth 5 dashtype solid linecolor rgb '#FFFFFF', \
  'scanner-cpu.csv' every 1 skip 1 using ($1/1000000000.0):($2/0.01) with lines linewidth 2.2 dashtype solid linecolor rgb '#0072B2'
